package proofpointpodreceiver

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/podsim"
)

const metricSaveFailures = "otelcol_proofpointpod_receiver_save_failures"

// file_storage says no more than "timeout" where another process has the folder.
func TestStorage_thatCannotBeOpenedIsNamed(t *testing.T) {
	play(t, podsim.Options{}, func(s *scenario) {
		s.config.Storage = &storageID
		s.storage.fails(errors.New("timeout"))
	}, func(s *scenario) {
		s.until("the storage to be named", func() bool {
			return s.host.reported(`open the storage "`+storageID.String()+`"`) != nil
		})
		event := s.host.reported("POD_DATA_DIR")
		require.NotNil(t, event)
		require.ErrorContains(t, event.Err(), "timeout")
		s.storage.fails(nil)
	})
}

func TestKeeper_storageFailsAndRecovers(t *testing.T) {
	tenant(t, podsim.Options{}, nil, func(s *scenario) {
		s.traffic(10*time.Minute, 10*time.Second)
		s.storage.fails(errDiskFull)
		s.traffic(30*time.Minute, 10*time.Second)
		event := s.host.last()
		assert.Equal(t, componentstatus.StatusRecoverableError, event.Status())
		assert.Equal(t, "FirstPartyGeneric", attr(event, "error.type"))
		assert.Equal(t, "Collecting", attr(event, "state"))
		require.ErrorContains(t, event.Err(), errDiskFull.Error())
		s.keepsThePromise(0)
		assert.Greater(t, s.metric(metricSaveFailures)["event_type=message"], 10.)
		assert.Equal(t, 1, s.logged("the position is not saved; records keep flowing"), "once")
		assert.InDelta(t, 1800, s.metric("otelcol_proofpointpod_receiver_position_age")["event_type=message"], 15)

		s.storage.fails(nil)
		s.elapse(10 * time.Second)
		assert.Equal(t, componentstatus.StatusOK, s.host.last().Status())
		s.shutdown()
		s.traffic(10*time.Minute, time.Minute)
		s.start()
		s.elapse(time.Minute)
		assert.Empty(t, s.gaps())
		s.keepsThePromise(0)
	})
}

func TestKeeper_killWhileStorageFails(t *testing.T) {
	tenant(t, podsim.Options{}, nil, func(s *scenario) {
		s.traffic(10*time.Minute, 10*time.Second)
		s.storage.fails(errDiskFull)
		s.traffic(10*time.Minute, 10*time.Second)
		s.kill()
		s.storage.fails(nil)
		s.start()
		s.fills(9)
		lost, repeated := s.count()
		assert.Zero(t, lost)
		assert.LessOrEqual(t, repeated, 60+33, "accepted since the last save, and within unflushed_window before")
	})
}

// A process that could never read or write storage leaves no trace there, and the next finds the clean end of the one
// before it.
func TestKeeper_killWhenStorageFailedFromTheBeginning(t *testing.T) {
	tenant(t, podsim.Options{}, nil, func(s *scenario) {
		s.traffic(10*time.Minute, 10*time.Second)
		s.shutdown()
		s.storage.fails(errDiskFull)
		s.start()
		s.traffic(20*time.Minute, 10*time.Second)
		s.kill()
		s.storage.fails(nil)
		s.start()
		s.traffic(time.Minute, 10*time.Second)
		s.fills(9)
		lost, repeated := s.count()
		assert.Zero(t, lost)
		assert.LessOrEqual(t, repeated, 120, "what that process has accepted, it can tell nobody")
	})
}

func TestKeeper_storageHangs(t *testing.T) {
	tenant(t, podsim.Options{}, nil, func(s *scenario) {
		s.traffic(time.Minute, 10*time.Second)
		release := s.storage.holds()
		s.traffic(10*time.Minute, 10*time.Second)
		s.keepsThePromise(0)
		assert.LessOrEqual(t, s.stops(context.Background()), 11*time.Second)
		release()
		s.elapse(time.Second)
	})
}

func TestKeeper_storageHangsAtTheStart(t *testing.T) {
	tenant(t, podsim.Options{}, nil, func(s *scenario) {
		s.traffic(10*time.Minute, 10*time.Second)
		s.shutdown()
		s.traffic(10*time.Minute, 10*time.Second)
		release := s.storage.holds()
		began := time.Now()
		s.start()
		assert.Equal(t, 2*time.Second, time.Since(began))
		assert.Contains(t, s.said(), "the storage does not answer")
		s.traffic(10*time.Minute, 10*time.Second)
		assert.Zero(t, s.logged("position read"))
		s.keepsThePromise(0)
		release()
		s.elapse(2 * time.Second)
		assert.Equal(t, 1, s.logged("position read"))
		assert.Empty(t, s.gaps())
		s.keepsThePromise(0)
	})
}

// Otherwise a folder that was not moved along would be noticed by nobody.
func TestKeeper_saysThatNoPositionIsStored(t *testing.T) {
	const none = "no position is stored; collecting begins as at the first start of all"
	tenant(t, podsim.Options{}, nil, func(s *scenario) {
		assert.Equal(t, 1, s.logged(none))
		s.shutdown()
		s.start()
		assert.Zero(t, s.logged(none))
	})
}

func TestKeeper_positionIsReadBeforeTheSourceIsInitialized(t *testing.T) {
	tenant(t, podsim.Options{}, nil, func(s *scenario) {
		s.traffic(time.Minute, 10*time.Second)
		s.shutdown()
		time.AfterFunc(time.Second, s.storage.holds())
		s.start()
		assert.Equal(t, 1, s.logged("position read"))
		assert.NotContains(t, s.said(), "the storage does not answer")
	})
}

func TestKeeper_oneStreamsStorageHangsAtTheEnd(t *testing.T) {
	play(t, podsim.Options{}, func(s *scenario) {
		s.config.Storage = &storageID
		s.streams(podlog.Message, podlog.Maillog, podlog.Audit)
	}, func(s *scenario) {
		s.traffic(time.Minute, 10*time.Second)
		release := s.storage.holdsOnly(string(podlog.Message))
		s.elapse(2 * time.Minute)
		assert.Equal(t, 11*time.Second, s.stops(context.Background()))
		release()
		s.elapse(time.Second)
		s.start()
		clean := map[string]bool{}
		for _, entry := range s.logs.FilterMessage("position read").All() {
			clean[entry.ContextMap()["event_type"].(string)] = entry.ContextMap()["clean_end"].(bool)
		}
		assert.True(t, clean["maillog"], "it had no time left")
		assert.True(t, clean["audit"], "it had no time left")
	})
}

func TestKeeper_storageAnswersLate(t *testing.T) {
	tenant(t, podsim.Options{}, func(s *scenario) { s.config.Backfill.Since = "12h" }, func(s *scenario) {
		s.traffic(time.Hour, time.Minute)
		s.shutdown()
		s.traffic(3*time.Hour, time.Minute)
		s.storage.fails(errDiskFull)
		before := s.archiveHours(101)
		s.start()
		s.traffic(20*time.Minute, time.Minute)
		event := s.host.last()
		assert.Equal(t, componentstatus.StatusRecoverableError, event.Status())
		assert.Equal(t, "FirstPartyGeneric", attr(event, "error.type"))
		assert.Equal(t, before, s.archiveHours(101), "the archive waits until it is known what was delivered")
		assert.Empty(t, s.gaps(), "there may be a position, and then since is of no effect")
		s.storage.fails(nil)
		s.traffic(10*time.Second, time.Second)
		assert.Equal(t, componentstatus.StatusOK, s.host.last().Status())
		assert.Equal(t, 1, s.logged("position read"))
		s.withTraffic(24)
		s.keepsThePromise(0)
	})
}

func TestKeeper_storageAnswersLateAtTheFirstStart(t *testing.T) {
	tenant(t, podsim.Options{}, func(s *scenario) {
		s.config.Backfill.Since = "12h"
		s.traffic(3*time.Hour, time.Minute)
		s.storage.fails(errDiskFull)
	}, func(s *scenario) {
		s.traffic(20*time.Minute, time.Minute)
		assert.Empty(t, s.gaps())
		s.storage.fails(nil)
		s.elapse(10 * time.Second)
		require.Len(t, s.gaps(), 1)
		assert.Contains(t, s.said(), "first start (backfill.since)")
		s.withTraffic(15)
		s.keepsThePromise(0)
	})
}

func TestKeeper_startsAnewWithoutItsPosition(t *testing.T) {
	tenant(t, podsim.Options{}, func(s *scenario) { s.config.ClusterID = podsim.ClusterID }, func(s *scenario) {
		s.traffic(time.Minute, 10*time.Second)
		s.shutdown()
		s.storage.garble("position")
		s.start()
		s.elapse(time.Minute)
		assert.Contains(t, s.said(), "a stored position is not usable")
		aside := 0
		for _, key := range s.storage.keys() {
			if len(key) > len("position.aside.") {
				aside++
			}
		}
		assert.Equal(t, 1, aside, "what was found is kept: %v", s.storage.keys())
		assert.Equal(t, "Collecting", attr(s.host.last(), "state"))
	})
}

// noStorage is an extension of another kind.
type noStorage struct {
	component.StartFunc
	component.ShutdownFunc
}

func TestKeeper_storageThatIsNotThere(t *testing.T) {
	play(t, podsim.Options{}, nil, func(s *scenario) {
		s.shutdown()
		s.config.Storage = &storageID
		tests := map[string]map[component.ID]component.Component{
			`storage: there is no extension "memory_storage"`:        nil,
			`storage: the extension "memory_storage" does not store`: {storageID: noStorage{}},
		}
		for want, extensions := range tests {
			s.host.extensions = extensions
			source := s.create()
			require.ErrorContains(t, source.Start(t.Context(), s.host), want)
			require.NoError(t, source.Shutdown(t.Context()))
		}
		s.host.extensions = map[component.ID]component.Component{storageID: s.storage}
		s.start()
	})
}

func TestKeeper_warnsWithoutStorage(t *testing.T) {
	play(t, podsim.Options{}, nil, func(s *scenario) {
		assert.Contains(t, s.said(), "storage: not set")
		s.elapse(time.Minute)
		assert.Empty(t, s.metric("otelcol_proofpointpod_receiver_position_age"))
	})
}

func TestKeeper_quietStreamIsSavedOnceAMinute(t *testing.T) {
	tenant(t, podsim.Options{}, nil, func(s *scenario) {
		s.mails(1)
		s.elapse(6 * time.Minute) // for so long it may be in the pipeline's memory
		before := s.storage.saved()
		s.elapse(time.Hour)
		assert.InDelta(t, 60, s.storage.saved()-before, 2)
		before = s.storage.saved()
		s.traffic(time.Minute, 100*time.Millisecond)
		assert.InDelta(t, 60, s.storage.saved()-before, 2, "once a second at the most")
	})
}

func TestKeeper_eachStreamHasItsOwnClient(t *testing.T) {
	play(t, podsim.Options{}, func(s *scenario) {
		s.config.Storage = &storageID
		s.streams(podlog.Message, podlog.Maillog, podlog.Audit)
	}, func(s *scenario) {
		s.service.Generate(podlog.Message, 10)
		s.service.Generate(podlog.Maillog, 10)
		s.elapse(10 * time.Second)
		s.restart()
		s.elapse(10 * time.Second)
		s.collects(podlog.Message)
		s.collects(podlog.Maillog)
		assert.Equal(t, 3, s.logged("position read"))
	})
}
