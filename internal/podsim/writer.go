package podsim

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/gorilla/websocket"
)

// job is what the writer does next: one of its fields, or nothing yet.
type job struct {
	end     *ending
	pong    *pong
	records []entry
	start   int64 // sequence number of the first of records
	changed <-chan struct{}
	wait    time.Duration // until the next pong is due; 0: there is none
}

// write sends frames until the session must end, and tells why.
func (c *session) write() ending {
	gone := ending{by: "client gone"}
	for _, f := range c.step.Frames {
		if c.send(f.content(), f.Binary, f.Fragments) != nil {
			return gone
		}
	}
	for {
		j := c.next()
		switch {
		case j.end != nil:
			return *j.end
		case j.pong != nil:
			if c.conn.WriteControl(websocket.PongMessage, j.pong.data, time.Time{}) != nil {
				return gone
			}
		case len(j.records) > 0:
			if c.sendRecords(j) != nil {
				return gone
			}
		default:
			c.sleep(j)
		}
	}
}

// next decides what to write. A client's close frame comes first, then what the step wants, then pongs.
func (c *session) next() job {
	c.svc.mu.Lock()
	defer c.svc.mu.Unlock()
	records, start := c.available()
	closed := c.info.CloseCode != 0
	switch {
	case c.stop:
		return job{end: &ending{}} // the supervisor knows why
	case closed && (c.tail <= 0 || len(records) == 0):
		return job{end: c.echo()}
	case closed:
		c.tail -= len(records)
		return job{records: records, start: start}
	case c.enough():
		e := c.scripted()
		return job{end: &e}
	case len(c.pongs) > 0 && !time.Now().Before(c.pongs[0].due):
		p := c.pongs[0]
		c.pongs = c.pongs[1:]
		c.active = time.Now()
		return job{pong: &p}
	case len(records) > 0:
		return job{records: records, start: start}
	case c.archive != nil && !c.svc.opts.ArchiveStays:
		return job{end: c.delivered()}
	}
	j := job{changed: c.svc.nextChange()}
	if len(c.pongs) > 0 {
		j.wait = time.Until(c.pongs[0].due)
	}
	return j
}

// echo answers a client's close frame with its own code or the step's, or drops the connection. Call it with Service.mu
// held.
func (c *session) echo() *ending {
	if code := c.step.AnswerCode; code != 0 {
		return &ending{by: "client close", action: Close, code: code, reason: c.step.Reason, lose: c.step.Lose}
	}
	if c.svc.opts.CloseDrops {
		return &ending{by: "client close", action: Drop}
	}
	return &ending{by: "client close", action: Close, code: c.info.CloseCode, clean: true}
}

// enough tells whether the step's number of records is on the wire. Call it with Service.mu held.
func (c *session) enough() bool {
	if !c.step.Do.ends() {
		return false
	}
	return c.info.Records >= c.step.Records && (c.step.Records > 0 || c.step.After == 0)
}

// delivered ends an archive session that has told all. Call it with Service.mu held.
func (c *session) delivered() *ending {
	if c.svc.opts.ArchiveDrops {
		return &ending{by: "delivered", action: Drop}
	}
	return &ending{by: "delivered", action: Close, code: websocket.CloseNormalClosure, clean: true}
}

// available is what can be sent at once: no more than belongs together, nor than the step allows. Call it with
// Service.mu held.
func (c *session) available() ([]entry, int64) {
	n := max(1, c.step.Group, c.step.Shuffle)
	if c.step.Do.ends() && c.step.Records > 0 {
		n = min(n, c.step.Records-c.info.Records)
	}
	if c.archive != nil {
		return c.archive.entries[:min(n, len(c.archive.entries))], 0
	}
	return c.log.from(c.position, n)
}

// sendRecords sends the records of a job, in the frames and the order that the step wants.
func (c *session) sendRecords(j job) error {
	records := j.records
	if c.step.Shuffle > 1 {
		records = slices.Clone(records)
		random := rand.New(rand.NewPCG(c.svc.opts.Seed, uint64(j.start)))
		random.Shuffle(len(records), func(a, b int) { records[a], records[b] = records[b], records[a] })
	}
	for frame := range slices.Chunk(records, max(1, c.step.Group)) {
		if err := c.send(c.join(frame), c.step.Binary, c.step.Fragments); err != nil {
			return err
		}
		c.sent(frame)
	}
	c.svc.mu.Lock()
	defer c.svc.unlockAndWake()
	if c.archive != nil {
		c.archive.entries = c.archive.entries[len(records):]
	} else {
		c.position = j.start + int64(len(records))
	}
	return nil
}

// sent counts records that are on the wire.
func (c *session) sent(records []entry) {
	c.svc.mu.Lock()
	defer c.svc.unlockAndWake()
	c.active = time.Now()
	for _, e := range records {
		c.info.Records++
		c.info.Bytes += int64(len(e.payload))
		c.svc.written[c.info.Type].add(e)
	}
}

// join makes one frame of records.
func (c *session) join(records []entry) []byte {
	if len(records) == 1 && !c.step.Newline {
		return records[0].payload
	}
	var b bytes.Buffer
	for i, e := range records {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.Write(e.payload)
	}
	if c.step.Newline {
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// send writes one message, in several fragments if asked to.
func (c *session) send(payload []byte, binary bool, fragments int) error {
	opcode := websocket.TextMessage
	if binary {
		opcode = websocket.BinaryMessage
	}
	if fragments <= 1 {
		return c.conn.WriteMessage(opcode, payload)
	}
	size := max(1, (len(payload)+fragments-1)/fragments)
	var frames []byte
	for i := range fragments {
		part := payload[min(i*size, len(payload)):min((i+1)*size, len(payload))]
		frames = appendFrame(frames, opcode, i == fragments-1, part)
		opcode = 0 // continuation
	}
	// gorilla cannot cut where it is told to. The writer alone writes, and gorilla buffers nothing between messages.
	_, err := c.conn.NetConn().Write(frames)
	return err
}

// appendFrame adds a WebSocket frame as a server writes it (RFC 6455, 5.2).
func appendFrame(b []byte, opcode int, last bool, payload []byte) []byte {
	head := byte(opcode)
	if last {
		head |= 0x80
	}
	b = append(b, head)
	switch n := len(payload); {
	case n < 126:
		b = append(b, byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 127), uint64(n))
	}
	return append(b, payload...)
}

// content is what the frame consists of.
func (f Frame) content() []byte {
	switch {
	case f.Text != "":
		return []byte(f.Text)
	case len(f.Base64) > 0:
		return f.Base64
	case f.Size > 0:
		return bigRecord(f.Size)
	}
	return nil
}

// bigRecord is a record of n bytes, or of the least there can be.
func bigRecord(n int) []byte {
	head := `{"guid":"big","ts":"2020-11-05T12:59:24.904391+0100","x":"`
	const foot = `"}`
	return append(append([]byte(head), bytes.Repeat([]byte{'x'}, max(0, n-len(head)-len(foot)))...), foot...)
}

// sleep waits for a change or for the next pong to be due.
func (c *session) sleep(j job) {
	if j.wait == 0 {
		<-j.changed
		return
	}
	t := time.NewTimer(j.wait)
	defer t.Stop()
	select {
	case <-j.changed:
	case <-t.C:
	}
}
