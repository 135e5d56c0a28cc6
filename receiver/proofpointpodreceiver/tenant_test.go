package proofpointpodreceiver

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/podsim"
	"github.com/proofpointpod/otelcol/internal/position"
)

// secondToken is another token of the simulated service.
const secondToken = podsim.Token + "2"

// tenant plays a scenario of a source that has storage, and a pipeline that keeps what it accepts in its memory for five
// minutes.
func tenant(t *testing.T, options podsim.Options, set, story func(*scenario)) {
	t.Helper()
	play(t, options, func(s *scenario) {
		s.config.Storage = &storageID
		s.sink.memory = 5 * time.Minute
		if set != nil {
			set(s)
		}
	}, story)
}

// readings plays a scenario of a tenant under both readings of where the service resumes a live session. They differ only
// where records are lost on their way, as podsim.Step.Lose says; everywhere else one is as good as two.
func readings(t *testing.T, options podsim.Options, set, story func(*scenario)) {
	t.Helper()
	for name, resume := range map[string]podsim.Resume{
		"resumes after what it wrote":     podsim.ResumeAfterWritten,
		"resumes after what was received": podsim.ResumeAfterReceived,
	} {
		t.Run(name, func(t *testing.T) {
			options := options
			options.Resume = resume
			tenant(t, options, set, story)
		})
	}
}

// withSecondToken lets the archive be read beside the live session.
func withSecondToken(s *scenario) {
	s.service.AcceptTokens(secondToken)
	s.config.Backfill.APISecret = secondToken
}

// mails has n records reach the service, with `ts` some milliseconds ago.
func (s *scenario) mails(n int) {
	for range n {
		s.sent++
		ts := time.Now().Add(s.skew - time.Duration(s.sent%700)*time.Millisecond)
		s.service.Push(podlog.Message, mail(s.sent, ts, s.padding))
	}
}

// mail is a small record, but for the padding.
func mail(k int, ts time.Time, padding int) []byte {
	return fmt.Appendf(nil, `{"guid":"%032d","ts":"%s","x":"%s"}`,
		k, ts.UTC().Format("2006-01-02T15:04:05.000000-0700"), strings.Repeat("x", padding))
}

// traffic lets time pass, in which a record reaches the service at every interval.
func (s *scenario) traffic(d, every time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); {
		s.mails(1)
		s.elapse(min(every, time.Until(end)))
	}
}

// gaps lists the gaps that are open.
func (s *scenario) gaps() []position.Gap { return s.source.streams[0].stream.position.Gaps() }

// fills waits, for hours, until no gap is open.
func (s *scenario) fills(hours int) {
	s.t.Helper()
	s.elapse(time.Minute) // a session begins
	for range hours * 60 {
		if len(s.gaps()) == 0 {
			s.elapse(2 * time.Second) // the live session comes back from its pause
			return
		}
		s.elapse(time.Minute)
	}
	require.FailNow(s.t, "not filled", "open after %d hours: %v\nlog:\n%s", hours, s.gaps(), s.said())
}

// count says how many of the records that the service has produced have not arrived, and how many arrivals were one too
// many.
func (s *scenario) count() (lost, repeated int) {
	s.t.Helper()
	arrived := map[string]int{}
	for _, body := range s.sink.bodies(podlog.Message) {
		arrived[body]++
	}
	for _, body := range texts(s.service.Produced(podlog.Message)) {
		if arrived[body] == 0 {
			lost++
		}
		repeated += max(arrived[body]-1, 0)
		delete(arrived, body)
	}
	require.Empty(s.t, arrived, "records that the service never produced")
	return lost, repeated
}

// keepsThePromise checks that nothing is lost, and no more repeated than may be.
func (s *scenario) keepsThePromise(mayRepeat int) {
	s.t.Helper()
	lost, repeated := s.count()
	assert.Zero(s.t, lost, "lost, of %d\n%s", s.sent, s.said())
	assert.LessOrEqual(s.t, repeated, mayRepeat, "repeated, of %d", s.sent)
}

// logged is how often a message was logged.
func (s *scenario) logged(message string) int {
	n := 0
	for _, entry := range s.logs.All() {
		if entry.Message == message {
			n++
		}
	}
	return n
}

// reported is the first event whose error contains a text, nil if there is none.
func (h *host) reported(text string) *componentstatus.Event {
	for _, event := range h.all() {
		if err := event.Err(); err != nil && strings.Contains(err.Error(), text) {
			return event
		}
	}
	return nil
}
