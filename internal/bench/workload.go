package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/podsim"
)

// The workloads. Those of one event type have its name.
const (
	messages = string(podlog.Message)
	maillogs = string(podlog.Maillog)
	// mix is ordinary messages, and as every 20th a large one, which makes the mean near that of a real tenant.
	mix = "mix"
	// large is large messages only, of 20 to 100 kB.
	large = "large"
)

const (
	// longest is what an ordinary message has at the most, in bytes; the few that are longer are left out.
	longest = 20_000
	// A large message has so many bytes.
	leastLarge, mostLarge = 20_000, 100_000
	// lapDigits is how many characters of a record's name tell the lap it is sent in.
	lapDigits = 8
)

// figures describe the records of a workload. Means are of a lap.
type figures struct {
	Records int
	// Wire is the length of all of them with their WebSocket headers, Body the mean length of one without, in bytes.
	Wire int
	Body float64
	// Nodes is the mean number of JSON values in a record, objects and arrays included.
	Nodes float64
}

// workload is a run of prepared records: WebSocket frames, one behind the other.
type workload struct {
	figures
	wire []byte
	ends []int // where each frame ends
	laps []int // where the lap is written in each frame
}

// prepare makes the workloads, with n records of each event type.
func prepare(n int) (map[string]*workload, error) {
	service := podsim.New(podsim.Options{Seed: 1, Retain: 1 << 30})
	defer service.Close()
	service.Generate(podlog.Message, 2*n)
	service.Generate(podlog.Maillog, n)
	ordinary := slices.DeleteFunc(service.Produced(podlog.Message), func(record []byte) bool { return len(record) > longest })
	if len(ordinary) < n {
		return nil, fmt.Errorf("prepare records: only %d of %d are ordinary", len(ordinary), 2*n)
	}
	rest := ordinary[n:]
	var widened [][]byte
	for i := range rest[:len(rest)/8] {
		widened = append(widened, widen(rest[i], leastLarge+i*(mostLarge-leastLarge)/max(len(rest)/8-1, 1)))
	}
	rest = rest[len(rest)/8:]
	mixed := slices.Clone(rest)
	for i := 0; i < len(mixed); i += 20 {
		mixed[i] = widen(mixed[i], leastLarge+i*(mostLarge-leastLarge)/len(mixed))
	}
	all := map[string]*workload{}
	for name, records := range map[string][][]byte{
		messages: ordinary[:n], maillogs: service.Produced(podlog.Maillog), mix: mixed, large: widened,
	} {
		w, err := frame(records)
		if err != nil {
			return nil, fmt.Errorf("prepare %s records: %w", name, err)
		}
		all[name] = w
	}
	return all, nil
}

// widen makes a message as long as a large one: with a part of the mail's content, as the service has it in base64.
func widen(record []byte, length int) []byte {
	const content = `"dataBase64":"`
	at := bytes.Index(record, []byte(content)) + len(content)
	return slices.Insert(slices.Clone(record), at, bytes.Repeat([]byte("QUJD"), max(length-len(record), 0)/4)...)
}

// frame makes a workload of records.
func frame(records [][]byte) (*workload, error) {
	w := &workload{figures: figures{Records: len(records)}}
	for _, record := range records {
		w.wire = appendHeader(w.wire, len(record))
		lap, err := lapAt(record)
		if err != nil {
			return nil, err
		}
		w.laps = append(w.laps, len(w.wire)+lap)
		w.wire = append(w.wire, record...)
		w.ends = append(w.ends, len(w.wire))
		var value any
		if err := json.Unmarshal(record, &value); err != nil {
			return nil, fmt.Errorf("a record that is no JSON: %w", err)
		}
		w.Nodes += float64(nodes(value))
		w.Body += float64(len(record))
	}
	n := float64(len(records))
	w.Nodes /= n
	w.Body /= n
	w.Wire = len(w.wire)
	return w, nil
}

// appendHeader writes the header of a text frame as a server sends it.
func appendHeader(b []byte, length int) []byte {
	const text = 0x81
	switch {
	case length < 126:
		return append(b, text, byte(length))
	case length < 1<<16:
		return binary.BigEndian.AppendUint16(append(b, text, 126), uint16(length))
	default:
		return binary.BigEndian.AppendUint64(append(b, text, 127), uint64(length))
	}
}

// lapAt finds the name that the service has given a record, in which the lap is written: a record that is sent again in
// another lap must be another one, or the receiver would drop it as a repeat.
func lapAt(record []byte) (int, error) {
	for _, key := range []string{`"guid":"`, `"id":"`} {
		if bytes.Count(record, []byte(key)) == 1 {
			return bytes.Index(record, []byte(key)) + len(key), nil
		}
	}
	return 0, fmt.Errorf("no name, or several, in the record %.100s", record)
}

// nodes counts the values in a JSON value, itself included.
func nodes(value any) int {
	count := 1
	switch value := value.(type) {
	case map[string]any:
		for _, v := range value {
			count += nodes(v)
		}
	case []any:
		for _, v := range value {
			count += nodes(v)
		}
	}
	return count
}

// player sends the records of a workload again and again, each time under other names. It belongs to a session.
type player struct {
	workload *workload
	wire     []byte // the workload's, with this lap
	lap      uint64
	next     int // the next frame
}

func (w *workload) player() *player {
	return &player{workload: w, wire: slices.Clone(w.wire)}
}

// chunk returns the next frames, whole ones: at least one, and at most so many, of so many bytes.
func (p *player) chunk(records, size int) (frames []byte, count int) {
	if p.next == len(p.workload.ends) {
		p.next = 0
	}
	if p.next == 0 {
		p.begin()
	}
	from, first := p.start(), p.next
	for p.next < len(p.workload.ends) && p.next-first < records {
		if p.next > first && p.workload.ends[p.next]-from > size {
			break
		}
		p.next++
	}
	return p.wire[from:p.start()], p.next - first
}

// start is where the next frame begins.
func (p *player) start() int {
	if p.next == 0 {
		return 0
	}
	return p.workload.ends[p.next-1]
}

// begin writes the number of the lap into the records.
func (p *player) begin() {
	var digits [lapDigits]byte
	copy(digits[:], fmt.Sprintf("%0*d", lapDigits, p.lap))
	for _, at := range p.workload.laps {
		copy(p.wire[at:], digits[:])
	}
	p.lap++
}

// names lists the workloads.
func names(all map[string]*workload) string {
	var list []string
	for name := range all {
		list = append(list, name)
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}
