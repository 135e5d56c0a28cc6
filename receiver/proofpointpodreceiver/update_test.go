package proofpointpodreceiver

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/proofpointpod/otelcol/internal/memstore"
	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/podsim"
)

// formerStorage is the storage of a maillog stream whose identities are of the form that later versions have changed. It
// was written by the version before that change, which played formerStory.
const formerStorage = "testdata/maillog-v1.json"

// lines has lines of mail reach the service for some time, one every five seconds, some of them odd. Those of the second
// half hour have the names of those of the first.
func (s *scenario) lines(d time.Duration) {
	const every, halfHour = 5 * time.Second, 360
	for end := time.Now().Add(d); time.Now().Before(end); s.elapse(every) {
		s.sent++
		ts := time.Now().Add(-time.Duration(s.sent%700) * time.Millisecond).UTC().Format("2006-01-02T15:04:05.000000-0700")
		name := s.sent
		if name > halfHour && name <= 2*halfHour {
			name -= halfHour
		}
		line := fmt.Appendf(nil, `{"id":"%022d","ts":"%s","data":"line %d"}`, name, ts, s.sent)
		switch s.sent % 10 {
		case 1:
			line = fmt.Appendf(nil, `{"id":"%022d","data":"a line without a time"}`, s.sent)
		case 2:
			line = fmt.Appendf(nil, `{"ts":"%s","data":"a line without a name"}`, ts)
		case 3:
			line = fmt.Appendf(nil, `line %d is no JSON`, s.sent)
		}
		s.service.Push(podlog.Maillog, line)
	}
}

// formerStory collects for half an hour, is away for two, and stops five minutes after that. A gap is open.
func (s *scenario) formerStory() {
	s.lines(30 * time.Minute)
	s.shutdown()
	s.lines(2 * time.Hour)
	s.start()
	s.lines(5 * time.Minute)
	require.Len(s.t, s.gaps(), 1)
	s.shutdown()
}

// countLines says how many of the lines have not arrived, and how many arrivals were one too many.
func (s *scenario) countLines() (lost, repeated int) {
	s.t.Helper()
	arrived := map[string]int{}
	for _, body := range s.sink.bodies(podlog.Maillog) {
		arrived[body]++
	}
	produced := map[string]bool{}
	for _, body := range texts(s.service.Produced(podlog.Maillog)) {
		produced[body] = true
	}
	for body := range produced {
		if arrived[body] == 0 {
			lost++
		}
		repeated += max(arrived[body]-1, 0)
	}
	return lost, repeated
}

// update puts storage there that an earlier version has written, as it left it after formerStory, and starts.
func (s *scenario) update() {
	s.t.Helper()
	const client = "proofpointpod maillog"
	data, err := os.ReadFile(formerStorage)
	require.NoError(s.t, err)
	var stored memstore.Store
	require.NoError(s.t, json.Unmarshal(data, &stored))
	require.Len(s.t, stored, 3, "the head, and two chunks of identities")
	s.storage.stores[client] = stored
	s.start()
	assert.Equal(s.t, 1, s.logged("position read"))
}

func TestUpdate_maillogIsKnownByItsFormerIdentity(t *testing.T) {
	tenant(t, podsim.Options{}, func(s *scenario) { s.streams(podlog.Maillog) }, func(s *scenario) {
		s.formerStory()
		s.update()
		require.Len(t, s.gaps(), 1)
		s.lines(5 * time.Minute)
		s.fills(9)
		lost, repeated := s.countLines()
		assert.Zero(t, lost)
		assert.Zero(t, repeated)
		assert.Greater(t, s.source.streams[0].stream.metrics.totals.duplicates.Load(), int64(300), "the archive repeats them")
	})
}

// Earlier versions have stored a plain hash of the token.
func TestUpdate_sameTokenIsNotAnotherOne(t *testing.T) {
	tenant(t, podsim.Options{}, func(s *scenario) { s.streams(podlog.Maillog) }, func(s *scenario) {
		s.formerStory()
		s.update()
		stored := func() string { return string(s.storage.stores["proofpointpod maillog"]["position"]) }
		require.Contains(t, stored(), formerDigest(podsim.Token))
		for range 2 {
			s.lines(time.Minute)
			assert.NotContains(t, s.said(), "there is another token")
			assert.NotContains(t, stored(), formerDigest(podsim.Token), "it is replaced")
			s.restart()
		}
	})
}

// formerDigest is what earlier versions have stored of a token.
func formerDigest(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:8])
}
