package proofpointpodreceiver

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/podsim"
	"github.com/proofpointpod/otelcol/receiver/proofpointpodreceiver/internal/metadata"
)

// scenario is a source, made by the factory, on a simulated service, with TLS over a network in memory, in a synctest
// bubble: time passes only while everybody waits, and hours take no time.
type scenario struct {
	t         *testing.T
	service   *podsim.Service
	network   *podsim.Pipe
	config    *Config
	sink      *sink
	host      *host
	telemetry *componenttest.Telemetry
	logs      *observer.ObservedLogs
	storage   *memoryStorage // used where config.Storage names it
	source    *source
	process   *process
	sent      int // records that the scenario has made
	padding   int // bytes in each of them that say nothing
	resume    podsim.Resume
	skew      time.Duration // of the service's clock
	slow      atomic.Bool   // the network, if it is trickling
	// dial takes the place of network.
	dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// play runs a scenario of a source of messages, side by side with others. set may change the service and the
// configuration before they start.
func play(t *testing.T, options podsim.Options, set, story func(*scenario)) {
	t.Helper()
	t.Parallel()
	playAlone(t, options, set, story)
}

// playAlone is play for a test that changes or measures what all of them share: the environment, the heap.
func playAlone(t *testing.T, options podsim.Options, set, story func(*scenario)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &scenario{
			t:         t,
			service:   podsim.New(options),
			network:   podsim.NewPipe(),
			config:    createDefaultConfig().(*Config),
			sink:      newSink(),
			host:      &host{},
			telemetry: componenttest.NewTelemetry(),
			storage:   newMemoryStorage(t),
			resume:    options.Resume,
			skew:      options.ClockSkew,
		}
		s.host.extensions = map[component.ID]component.Component{storageID: s.storage}
		defer func() { require.NoError(t, s.telemetry.Shutdown(t.Context())) }()
		defer s.service.Close()

		ca, err := podsim.NewCA()
		require.NoError(t, err)
		serving, err := ca.ServerConfig(podsim.Hosts()...)
		require.NoError(t, err)
		s.service.Start(s.network, serving)
		s.config.TLS.CAFile = filepath.Join(t.TempDir(), "ca.pem")
		require.NoError(t, os.WriteFile(s.config.TLS.CAFile, ca.PEM(), 0o600))
		s.config.ClusterID = podsim.ClusterID
		s.config.APISecret = podsim.Token
		s.config.SupportedEvents = []podlog.EventType{podlog.Message}
		if set != nil {
			set(s)
		}
		require.NoError(t, confmap.Validate(s.config))
		s.start()
		defer s.shutdown()
		story(s)
		assert.NotContains(t, s.said(), podsim.Token, "a secret was printed")
	})
}

func (s *scenario) start() {
	s.t.Helper()
	s.source = s.create()
	require.NoError(s.t, s.source.Start(context.Background(), s.host))
}

// create makes a source that is a process of its own.
func (s *scenario) create() *source {
	s.t.Helper()
	core, logs := observer.New(zapcore.DebugLevel)
	s.logs = logs
	settings := receivertest.NewNopSettings(metadata.Type)
	settings.ID = component.NewID(metadata.Type)
	settings.TelemetrySettings = s.telemetry.NewTelemetrySettings()
	settings.Logger = zap.New(core)
	settings.BuildInfo = component.BuildInfo{Command: "otelcol-test", Version: "1.2.3"}
	s.process = &process{network: s.network.DialContext, next: s.sink}
	if s.dial != nil {
		s.process.network = s.dial
	}
	created, err := NewFactory().CreateLogs(context.Background(), settings, s.config, s.process)
	require.NoError(s.t, err)
	made := created.(*source)
	made.dial = s.process.dial
	return made
}

// shutdown ends the source and checks that nothing is reported meanwhile, or afterwards.
func (s *scenario) shutdown() {
	s.t.Helper()
	synctest.Wait()
	before := len(s.host.all())
	require.NoError(s.t, s.source.Shutdown(context.Background()))
	s.sink.flush()
	synctest.Wait()
	assert.Len(s.t, s.host.all(), before, "a status was reported from Shutdown")
}

// elapse lets time pass, and everybody do what is due.
func (s *scenario) elapse(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// until waits for a condition, for two hours at the most. It looks ten times a second, and after a minute once.
func (s *scenario) until(what string, condition func() bool) {
	s.t.Helper()
	for began := time.Now(); time.Since(began) < 2*time.Hour; {
		synctest.Wait()
		if condition() {
			return
		}
		step := 100 * time.Millisecond
		if time.Since(began) >= time.Minute {
			step = time.Second
		}
		<-time.After(step)
	}
	require.FailNow(s.t, "waited two hours in vain", "for %s\nstatus: %v\nlog:\n%s", what, s.host.last(), s.said())
}

// collects waits until everything that the service produced has arrived, and checks that it did so once and unchanged.
func (s *scenario) collects(t podlog.EventType) {
	s.t.Helper()
	produced := s.service.Produced(t)
	s.until(fmt.Sprintf("%d records", len(produced)), func() bool { return len(s.sink.bodies(t)) >= len(produced) })
	s.elapse(time.Second)
	require.ElementsMatch(s.t, texts(produced), s.sink.bodies(t))
}

// state waits until the source reports a state.
func (s *scenario) state(want string) *componentstatus.Event {
	s.t.Helper()
	s.until("state "+want, func() bool { return attr(s.host.last(), "state") == want })
	return s.host.last()
}

// said is all that was logged and reported.
func (s *scenario) said() string {
	var text string
	for _, entry := range s.logs.All() {
		text += fmt.Sprintln(entry.Level, entry.Message, entry.ContextMap())
	}
	for _, event := range s.host.all() {
		text += fmt.Sprintln(event.Status(), event.Err(), event.Attributes().AsRaw())
	}
	return text
}

// handshakes lists the status of each handshake of an event type.
func (s *scenario) handshakes(t podlog.EventType) []int {
	var list []int
	for _, h := range s.service.Handshakes() {
		if h.Type == t {
			list = append(list, h.Status)
		}
	}
	return list
}

func texts(payloads [][]byte) []string {
	list := make([]string, len(payloads))
	for i, p := range payloads {
		list[i] = string(p)
	}
	return list
}

func attr(event *componentstatus.Event, key string) any {
	if event == nil {
		return nil
	}
	return event.Attributes().AsRaw()[key]
}

// host is a collector that keeps the statuses that are reported to it.
type host struct {
	extensions map[component.ID]component.Component

	mu     sync.Mutex
	events []*componentstatus.Event
}

func (h *host) GetExtensions() map[component.ID]component.Component { return h.extensions }

func (h *host) Report(event *componentstatus.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, event)
}

func (h *host) all() []*componentstatus.Event {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.events)
}

func (h *host) last() *componentstatus.Event {
	events := h.all()
	if len(events) == 0 {
		return nil
	}
	return events[len(events)-1]
}

// states lists the states that were reported.
func (h *host) states() []string {
	var list []string
	for _, event := range h.all() {
		list = append(list, attr(event, "state").(string))
	}
	return list
}

// sink is a pipeline that does with each batch what answer says, and keeps those that it accepts.
type sink struct {
	mu       sync.Mutex
	answer   func(context.Context, plog.Logs) error // nil: accept
	offered  int
	accepted []plog.Logs
	// memory is how long what is accepted is in the pipeline's memory only, as with a batch processor; a crash loses it.
	memory time.Duration
	times  []time.Time // of accepted
}

func newSink() *sink { return &sink{} }

func (s *sink) Capabilities() consumer.Capabilities { return consumer.Capabilities{MutatesData: true} }

func (s *sink) ConsumeLogs(ctx context.Context, logs plog.Logs) error {
	s.mu.Lock()
	s.offered++
	answer := s.answer
	s.mu.Unlock()
	if answer != nil {
		if err := answer(ctx, logs); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.accepted = append(s.accepted, logs)
	s.times = append(s.times, time.Now())
	return nil
}

// crash loses what is in memory only.
func (s *sink) crash() {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept := len(s.accepted)
	for kept > 0 && time.Since(s.times[kept-1]) < s.memory {
		kept--
	}
	s.accepted, s.times = s.accepted[:kept], s.times[:kept]
}

// flushBefore has the pipeline have written down what it accepted so long ago.
func (s *sink) flushBefore(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, at := range s.times {
		if time.Since(at) >= d {
			s.times[i] = time.Time{}
		}
	}
}

// acceptedWithin is how many records were accepted in the last so and so long.
func (s *sink) acceptedWithin(d time.Duration) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for i := len(s.accepted) - 1; i >= 0 && time.Since(s.times[i]) <= d; i-- {
		n += s.accepted[i].LogRecordCount()
	}
	return n
}

// flush has the pipeline write down what is in its memory, as it does when the collector stops in order.
func (s *sink) flush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.times {
		s.times[i] = time.Time{}
	}
}

// answers sets what the pipeline does from now on.
func (s *sink) answers(answer func(context.Context, plog.Logs) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = answer
}

// offers is how many batches came, those refused included.
func (s *sink) offers() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.offered
}

func (s *sink) batches() []plog.Logs {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.accepted)
}

// records lists the records of an event type, in order.
func (s *sink) records(t podlog.EventType) []plog.LogRecord {
	var list []plog.LogRecord
	for _, logs := range s.batches() {
		for _, resource := range logs.ResourceLogs().All() {
			if _, event := resource.Resource().Attributes().Get(eventResourceAttribute); event {
				continue
			}
			for _, scope := range resource.ScopeLogs().All() {
				for _, r := range scope.LogRecords().All() {
					if id, ok := r.Attributes().Get("_siemEventID"); !ok || id.Str() == t.EventID() {
						list = append(list, r)
					}
				}
			}
		}
	}
	return list
}

// bodies lists the bodies of the records of an event type, in order.
func (s *sink) bodies(t podlog.EventType) []string {
	var list []string
	for _, r := range s.records(t) {
		list = append(list, r.Body().AsString())
	}
	return list
}
