package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/podsim"
)

// settings are what the command line says.
type settings struct {
	service podsim.Options

	listen     string
	plaintext  bool
	hosts      []string
	caOut      string
	clientCert string

	plan       []podsim.Step
	replay     []replay
	replayOnce bool
	replayRate float64

	admin     string
	proxy     string
	proxyAuth string
	readyFile string
}

// replay is a file of records for an event type.
type replay struct {
	eventType podlog.EventType
	path      string
}

// parse reads the command line. Help and mistakes go to stderr.
func parse(args []string, stderr io.Writer) (settings, error) {
	var s settings
	rate, past := perType{}, perType{}
	var tokens []string
	types := strings.Join(names(podlog.EventTypes()), ",")
	resume := "written"

	f := flag.NewFlagSet("podsim", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.Usage = func() {
		_, _ = fmt.Fprint(stderr, usage) // there is nothing to do about a broken terminal
		f.PrintDefaults()
	}
	f.StringVar(&s.listen, "listen", "127.0.0.1:8443", "`address` of the service; port 0 takes a free one")
	f.BoolVar(&s.plaintext, "plaintext", false, "serve ws:// instead of wss://")
	f.Func("hosts", "`names` and addresses in the server certificate, separated by commas (default "+strings.Join(podsim.Hosts(), ",")+")",
		func(v string) error { s.hosts = strings.Split(v, ","); return nil })
	f.StringVar(&s.caOut, "ca-out", "", "write the certificate of the CA, made at each start, to this `file`")
	f.StringVar(&s.clientCert, "client-cert-out", "", "demand client certificates, and write one to `prefix`.crt and prefix.key")
	f.StringVar(&s.service.ClusterID, "cluster-id", podsim.ClusterID, "the PoD cluster")
	f.Func("token", "a valid bearer `token`; may be repeated (default, made up: "+podsim.Token+")",
		func(v string) error { tokens = append(tokens, v); return nil })
	f.StringVar(&types, "types", types, "the event `types` that the cluster has a licence for")
	f.Var(rate, "rate", "records generated per second, such as `message=50,maillog=100` (default none)")
	f.Uint64Var(&s.service.Seed, "seed", 0, "of the generated records; 0: another one each time")
	f.IntVar(&s.service.Retain, "retain", 256<<20, "`bytes` of records kept for each event type")
	f.DurationVar(&s.service.Memory, "memory", time.Hour, "how long the service remembers where a session stood")
	f.StringVar(&resume, "resume", resume, "a session goes on after what was `written` or received")
	f.BoolVar(&s.service.StartsNow, "starts-now", false, "send a token that had no session yet what arrives from then on")
	f.DurationVar(&s.service.SlotHold, "slot-hold", 5*time.Second, "how long a session that died keeps its slot; negative: no time")
	f.DurationVar(&s.service.IdleTimeout, "idle-timeout", 300*time.Second, "end of a session without traffic")
	f.DurationVar(&s.service.PongDelay, "pong-delay", 0, "how late pings are answered")
	f.BoolVar(&s.service.CloseDrops, "close-drops", false, "drop the connection instead of answering a client's close frame")
	f.IntVar(&s.service.CloseTail, "close-tail", 0, "`records` still sent after a client's close frame")
	f.BoolVar(&s.service.Compression, "compression", false, "accept permessage-deflate")
	f.DurationVar(&s.service.ArchiveDelay, "archive-delay", 30*time.Minute, "how long a record takes to reach the archive")
	f.Float64Var(&s.service.ArchiveRepeats, "archive-repeats", 0, "`share` of records, 0 to 1, that the archive sends twice")
	f.BoolVar(&s.service.ArchiveDrops, "archive-drops", false, "end archive sessions by a bare drop")
	f.BoolVar(&s.service.ArchiveStays, "archive-stays", false, "leave archive sessions open when all is delivered")
	f.IntVar(&s.service.ArchiveRefuses, "archive-refuses", 0, "`status` that refuses each archive session; 0: none is refused")
	f.BoolVar(&s.service.ArchiveMovesLive, "archive-moves-live", false, "an archive session moves the position of the live one")
	f.BoolVar(&s.service.ArchiveSkipsLive, "archive-skips-live", false, "a live session begins with what arrives after an archive session")
	f.DurationVar(&s.service.ClockSkew, "clock-skew", 0, "how far the service's clock is ahead")
	f.BoolVar(&s.service.IgnoreRecentSince, "ignore-recent-since", false, "take a sinceTime younger than an hour for none")
	f.BoolVar(&s.service.IgnoreTimes, "ignore-times", false, "take no notice of sinceTime and toTime")
	f.BoolVar(&s.service.RefuseFuture, "refuse-future", false, "answer 400 to a toTime in the future")
	f.Var(past, "past", "records of the last 24 hours, generated at the start, such as `message=1000`")
	f.Func("plan", "the fault plan: JSON, or a `file` of it", func(v string) (err error) { s.plan, err = readPlan(v); return err })
	f.Func("replay", "send the records of a file, `type=file`; may be repeated", func(v string) error {
		name, path, ok := strings.Cut(v, "=")
		if !ok || !slices.Contains(podlog.EventTypes(), podlog.EventType(name)) {
			return fmt.Errorf("must be type=file, with a type of %v", podlog.EventTypes())
		}
		s.replay = append(s.replay, replay{podlog.EventType(name), path})
		return nil
	})
	f.BoolVar(&s.replayOnce, "replay-once", false, "send the files once, at the start, instead of again and again")
	f.Float64Var(&s.replayRate, "replay-rate", 10, "`records` per second, for each event type, of files sent again and again")
	f.StringVar(&s.admin, "admin", "", "`address` of the HTTP interface to the simulator (default none)")
	f.StringVar(&s.proxy, "proxy", "", "`address` of a CONNECT and SOCKS5 proxy that leads every host to the simulator (default none)")
	f.StringVar(&s.proxyAuth, "proxy-auth", "", "`user:password` that the proxy asks for")
	f.StringVar(&s.readyFile, "ready-file", "", "write the addresses as JSON to this `file` once all is up; -: a line on stdout")
	if err := f.Parse(args); err != nil {
		return s, err
	}

	s.service.Tokens = tokens
	s.service.Rate = rate
	s.service.Past = make(map[podlog.EventType]int)
	for t, n := range past {
		s.service.Past[t] = int(n)
	}
	var err error
	if s.service.EventTypes, err = parseTypes(types); err != nil {
		return s, fmt.Errorf("-types: %w", err)
	}
	switch {
	case resume == "received":
		s.service.Resume = podsim.ResumeAfterReceived
	case resume != "written":
		return s, fmt.Errorf("-resume %s: must be written or received", resume)
	case f.NArg() > 0:
		return s, fmt.Errorf("unexpected argument %q", f.Arg(0))
	case s.plaintext && (s.caOut != "" || s.clientCert != ""):
		return s, errors.New("-plaintext has no certificates: leave -ca-out and -client-cert-out out")
	case s.replayRate <= 0:
		return s, fmt.Errorf("-replay-rate %v: must be more than 0", s.replayRate)
	}
	if s.service.Seed == 0 {
		s.service.Seed = rand.Uint64()
	}
	return s, nil
}

// usage precedes the list of flags.
const usage = `podsim plays the Proofpoint on Demand Log Service, faults included.

  podsim -ca-out ca.pem -rate message=50,maillog=100
  podsim -plaintext -replay message=captured.json -replay-once
  podsim -ca-out ca.pem -rate message=5 -plan '[{"do":"drop","records":100},{"do":"refuse","status":502,"times":2}]'

The actions of a plan: refuse (status, body, headers), hang, abort, for the handshake; serve, drop, reset, freeze,
close (code, reason), for the session, after a number of records or a time (records, after), with lose, frames,
answer_code, rewind, shuffle, group, newline, binary, fragments, no_pong, pong_delay; each with type and times.

With -admin, while it runs:

  GET /stats /handshakes /sessions /plan /records?type=message /written?type=message
  POST /plan, with steps; DELETE /plan
  POST /push?type=message, with a record; with lines=true, one in each line
  POST /generate?type=message&n=100
  POST /drop?type=message&how=drop, or how=reset, freeze, close
  POST /tokens, with {"accept": ["..."], "reject": ["..."]}

`

// readPlan takes a plan itself or the name of its file.
func readPlan(v string) ([]podsim.Step, error) {
	if t := strings.TrimSpace(v); strings.HasPrefix(t, "[") || strings.HasPrefix(t, "{") {
		return podsim.ParsePlan([]byte(v))
	}
	text, err := os.ReadFile(v)
	if err != nil {
		return nil, err
	}
	return podsim.ParsePlan(text)
}

// parseTypes reads a list of event types.
func parseTypes(v string) ([]podlog.EventType, error) {
	var types []podlog.EventType
	for name := range strings.SplitSeq(v, ",") {
		t := podlog.EventType(name)
		if !slices.Contains(podlog.EventTypes(), t) {
			return nil, fmt.Errorf("%q is none of %v", name, podlog.EventTypes())
		}
		types = append(types, t)
	}
	return types, nil
}

// names are event types as text.
func names(types []podlog.EventType) []string {
	all := make([]string, len(types))
	for i, t := range types {
		all[i] = string(t)
	}
	return all
}

// perType is a flag of numbers for event types, such as `message=50,maillog=100`.
type perType map[podlog.EventType]float64

// String implements flag.Value.
func (p perType) String() string {
	var all []string
	for _, t := range slices.Sorted(maps.Keys(p)) {
		all = append(all, fmt.Sprintf("%s=%v", t, p[t]))
	}
	return strings.Join(all, ",")
}

// Set implements flag.Value.
func (p perType) Set(v string) error {
	for pair := range strings.SplitSeq(v, ",") {
		name, number, _ := strings.Cut(pair, "=")
		if _, err := parseTypes(name); err != nil {
			return err
		}
		n, err := strconv.ParseFloat(number, 64)
		if err != nil || n < 0 {
			return fmt.Errorf("%s=%s: must be a number", name, number)
		}
		p[podlog.EventType(name)] = n
	}
	return nil
}
