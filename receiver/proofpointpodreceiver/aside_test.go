package proofpointpodreceiver

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/proofpointpod/otelcol/internal/podsim"
)

// bodiesOf lists the texts of the records that the pipeline is offered.
func bodiesOf(logs plog.Logs) []string {
	var list []string
	for _, r := range logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().All() {
		list = append(list, r.Body().Str())
	}
	return list
}

// The process is killed while a batch is halved that spans hours: a part of it is accepted, and records before that part
// are not.
func TestAside_killWhileABatchIsHalved(t *testing.T) {
	tenant(t, podsim.Options{}, func(s *scenario) {
		ofMission(s)
		s.config.RetryOnFailure.MaxElapsedTime = 0
	}, func(s *scenario) {
		s.mails(1)
		s.elapse(10 * time.Minute)
		s.sink.answers(refuse)
		s.traffic(5*time.Hour, time.Minute)
		first, last := bodyOf(s, 10), bodyOf(s, s.sent-1)
		s.sink.answers(func(ctx context.Context, logs plog.Logs) error {
			bodies := bodiesOf(logs)
			switch {
			case slices.Equal(bodies, []string{last}):
				<-ctx.Done()
				return ctx.Err()
			case slices.Contains(bodies, first), slices.Contains(bodies, last):
				return errForGood
			default:
				return nil
			}
		})
		s.elapse(10 * time.Minute) // saved
		lost, _ := s.count()
		require.Equal(t, 2, lost, "the rest is accepted")
		s.kill()
		s.sink.answers(nil)
		s.start()
		s.fills(12)
		s.keepsThePromise(0)
	})
}
