package proofpointpodreceiver

import (
	"context"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/podsim"
	"github.com/proofpointpod/otelcol/internal/position"
	"github.com/proofpointpod/otelcol/internal/record"
)

// archiveHours lists the hours of the archive that were asked for, such as 03-04, and how the service answered.
func (s *scenario) archiveHours(status int) []string {
	var list []string
	for _, h := range s.service.Handshakes() {
		if h.Query.Has("sinceTime") && h.Status == status {
			list = append(list, h.Query.Get("sinceTime")[11:13]+"-"+h.Query.Get("toTime")[11:16])
		}
	}
	return list
}

// kinds spells the sessions so far, in order: L for live, A for the archive.
func (s *scenario) kinds() string {
	var b strings.Builder
	for _, session := range s.service.Sessions() {
		if session.Archive {
			b.WriteByte('A')
		} else {
			b.WriteByte('L')
		}
	}
	return b.String()
}

// away has the source stopped for hours, with a record every minute, and started again.
func (s *scenario) away(hours int) {
	s.t.Helper()
	s.state("Collecting")
	s.traffic(time.Minute, 10*time.Second)
	s.shutdown()
	s.traffic(time.Duration(hours)*time.Hour, time.Minute)
	s.start()
	s.elapse(time.Minute)
}

// withTraffic waits until no gap is open, while records come.
func (s *scenario) withTraffic(hours int) {
	s.t.Helper()
	for range hours * 60 {
		s.traffic(time.Minute, 20*time.Second)
		if len(s.gaps()) == 0 {
			return
		}
	}
	require.FailNow(s.t, "not filled", "open after %d hours: %v\nlog:\n%s", hours, s.gaps(), s.said())
}

func TestFill_pausesForOneHourOfTheArchiveAtATime(t *testing.T) {
	tenant(t, podsim.Options{}, nil, func(s *scenario) {
		s.away(4)
		assert.Equal(t, 1, s.logged("gap opened: records may have been missed, and are read from the archive"))
		s.withTraffic(12)
		s.keepsThePromise(0)
		kinds := s.kinds()
		assert.NotContains(t, kinds, "AA", "live did not catch up in between")
		hours := s.archiveHours(101)
		require.GreaterOrEqual(t, len(hours), 6)
		assert.Equal(t, []string{"23-00:00", "00-01:00", "01-02:00", "02-03:00", "03-04:00"}, hours[:5], "the hour before for the margin, oldest first")
		assert.Contains(t, hours[5], "04-0", "an hour that is not over yet")
	})
}

func TestFill_waitsUntilTheArchiveHasIt(t *testing.T) {
	tenant(t, podsim.Options{}, nil, func(s *scenario) {
		s.away(2)
		to := s.gaps()[0].To
		s.traffic(5*time.Hour, time.Minute)
		for _, h := range s.service.Handshakes() {
			if !h.Query.Has("sinceTime") {
				continue
			}
			end, err := time.Parse("2006-01-02T15:04:05.000-0700", h.Query.Get("toTime"))
			require.NoError(t, err)
			if end.After(to) {
				assert.False(t, h.Time.Before(to.Add(s.config.Backfill.ArchiveDelay)), "asked at %v for what came until %v", h.Time, to)
			}
			assert.False(t, end.After(h.Time), "a time in the future was asked for")
		}
		s.keepsThePromise(0)
	})
}

func TestFill_besideLiveWithASecondToken(t *testing.T) {
	tenant(t, podsim.Options{}, withSecondToken, func(s *scenario) {
		s.away(6)
		s.withTraffic(3)
		s.keepsThePromise(0)
		assert.True(t, strings.HasPrefix(s.kinds(), "LLA"), s.kinds())
		assert.Equal(t, 2, strings.Count(s.kinds(), "L"), "live was away")
		assert.NotContains(t, s.said(), podsim.Token)
	})
}

func TestFill_goesOnWithTheSameHourAfterAShutdown(t *testing.T) {
	tenant(t, podsim.Options{}, func(s *scenario) {
		withSecondToken(s)
		s.dial = s.paced(200, 100*time.Millisecond)
	}, func(s *scenario) {
		s.away(3)
		s.until("the third hour to be read", func() bool { return len(s.archiveHours(101)) == 3 })
		s.elapse(20 * time.Second)
		s.shutdown()
		assert.Equal(t, "client close", s.service.Sessions()[len(s.service.Sessions())-1].EndedBy)
		s.start()
		s.fills(3)
		assert.Equal(t, []string{"23-00:00", "00-01:00", "01-02:00", "01-02:00", "02-03:00"}, s.archiveHours(101)[:5])
		s.keepsThePromise(0)
	})
}

func TestFill_goesOnWithTheSameHourAfterAKill(t *testing.T) {
	tenant(t, podsim.Options{SlotHold: -1}, func(s *scenario) {
		withSecondToken(s)
		s.dial = s.paced(200, 100*time.Millisecond)
	}, func(s *scenario) {
		s.away(3)
		s.until("the third hour to be read", func() bool { return len(s.archiveHours(101)) == 3 })
		s.elapse(20 * time.Second)
		s.kill()
		s.start()
		s.fills(6)
		assert.Contains(t, s.archiveHours(101)[3:], "00-01:00", "what it brought was in the pipeline's memory")
		s.keepsThePromise(70)
	})
}

// paced is the scenario's network, but in a session with the archive, only so many bytes come in each span of time. The
// records are long, so that an hour of them does not fit into the network's buffers.
func (s *scenario) paced(bytes int, each time.Duration) func(context.Context, string, string) (net.Conn, error) {
	s.padding = 3000
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := s.network.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &pacedConn{Conn: conn, scenario: s, before: len(s.service.Sessions()), bytes: bytes, each: each}, nil
	}
}

type pacedConn struct {
	net.Conn
	scenario *scenario
	before   int // how many sessions there were when it was opened
	begun    bool
	archive  bool // of the session on it, once that has begun
	bytes    int
	each     time.Duration
}

func (c *pacedConn) Read(p []byte) (int, error) {
	if !c.begun {
		if sessions := c.scenario.service.Sessions(); len(sessions) > c.before {
			c.begun, c.archive = true, sessions[c.before].Archive
		}
	}
	if c.archive {
		<-time.After(c.each)
		p = p[:min(len(p), c.bytes)]
	}
	return c.Conn.Read(p)
}

func TestFill_anHourThatTakesLongerThanAPauseGetsALongerOne(t *testing.T) {
	tenant(t, podsim.Options{}, func(s *scenario) {
		pause := time.Minute
		s.config.Backfill.MaxPause = &pause
		s.dial = s.paced(150, 100*time.Millisecond) // an hour takes two minutes
	}, func(s *scenario) {
		s.away(2)
		s.withTraffic(12)
		s.keepsThePromise(0)
		var longest time.Duration
		cutOff := 0
		for _, session := range s.service.Sessions() {
			if session.Archive {
				longest = max(longest, session.Ended.Sub(session.Started))
				if session.EndedBy == "client close" {
					cutOff++
				}
			}
		}
		assert.Positive(t, cutOff)
		assert.Greater(t, longest, 90*time.Second)
		assert.LessOrEqual(t, longest, 7*time.Minute)
		assert.Nil(t, s.host.reported("second token"))
	})
}

func TestFill_anHourThatFitsInNoPauseNeedsASecondToken(t *testing.T) {
	tenant(t, podsim.Options{}, func(s *scenario) {
		pause := 8 * time.Minute
		s.config.Backfill.MaxPause = &pause
		s.dial = s.paced(60, time.Second) // an hour takes fifty minutes
	}, func(s *scenario) {
		s.away(2)
		s.traffic(6*time.Hour, time.Minute)
		event := s.host.reported("second token")
		require.NotNil(t, event, s.said())
		require.ErrorContains(t, event.Err(), "backfill.api_secret")
		assert.Equal(t, componentstatus.StatusRecoverableError, event.Status())
		assert.Equal(t, "Collecting", attr(s.host.last(), "state"), "live goes on")
		for _, session := range s.service.Sessions() {
			if session.Archive && !session.Ended.IsZero() {
				assert.LessOrEqual(t, session.Ended.Sub(session.Started), 31*time.Minute, "half of what the service remembers")
			}
		}

		s.shutdown()
		withSecondToken(s)
		s.start()
		s.withTraffic(24)
		s.keepsThePromise(0)
		assert.Equal(t, componentstatus.StatusOK, s.host.last().Status())
	})
}

// refuseOld refuses records that are over two hours old.
func refuseOld(_ context.Context, logs plog.Logs) error {
	first := logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
	if time.Since(first.Timestamp().AsTime()) > 2*time.Hour {
		return errBackendDown
	}
	return nil
}

// What the archive brings and the pipeline does not take is in a gap already; it must not open one that begins there.
func TestFill_backendRefusesWhatTheArchiveBrings(t *testing.T) {
	for name, set := range map[string]func(*scenario){"one token": nil, "second token": withSecondToken} {
		t.Run(name, func(t *testing.T) {
			tenant(t, podsim.Options{}, set, func(s *scenario) {
				s.sink.answers(refuseOld)
				s.away(30)
				before := s.gaps()
				require.Len(t, before, 1)
				s.traffic(3*time.Hour, 10*time.Minute)
				event := s.host.last()
				assert.Equal(t, "FirstPartyGeneric", attr(event, "error.type"))
				require.ErrorContains(t, event.Err(), errBackendDown.Error())
				if s.config.Backfill.APISecret == "" {
					assert.Equal(t, "Error", attr(event, "state"), "the stream has quit")
				} else {
					assert.Equal(t, "Collecting", attr(event, "state"), "live goes on")
				}
				s.shutdown()
				s.sink.answers(nil)
				s.start()
				s.elapse(5 * time.Second)
				require.NotEmpty(t, s.gaps(), s.said())
				assert.Equal(t, before[0].From, s.gaps()[0].From)
				for _, gap := range s.gaps()[1:] {
					assert.True(t, gap.From.After(before[0].To.Add(-5*time.Minute)), "gap from %v", gap.From)
				}
				s.fills(24)
				s.keepsThePromise(0)
			})
		})
	}
}

// With a second token, only the archive waits for a pipeline that refuses what it brings; it goes on by itself.
func TestFill_goesOnWhenTheBackendTakesWhatTheArchiveBrings(t *testing.T) {
	tenant(t, podsim.Options{}, withSecondToken, func(s *scenario) {
		s.sink.answers(refuseOld)
		s.away(5)
		s.traffic(3*time.Hour, 10*time.Minute)
		s.sink.answers(nil)
		s.fills(2)
		s.keepsThePromise(0)
		assert.Equal(t, componentstatus.StatusOK, s.host.last().Status())
	})
}

func TestFill_switchedOff(t *testing.T) {
	tenant(t, podsim.Options{}, func(s *scenario) { s.config.Backfill.Enabled = false }, func(s *scenario) {
		s.away(3)
		require.Len(t, s.gaps(), 1)
		assert.Equal(t, 1, s.logged("gap opened: records may have been missed, and stay so while backfill.enabled is false"))
		s.elapse(5 * time.Hour)
		assert.NotContains(t, s.kinds(), "A")
		lost, repeated := s.count()
		assert.Greater(t, lost, 60)
		assert.Zero(t, repeated)
	})
}

// What such a service has not said in order is suspected, so each pause leaves a small gap behind, for one an hour later.
func TestFill_pausesThoughTheServiceDropsTheConnectionAtOurCloseFrame(t *testing.T) {
	tenant(t, podsim.Options{CloseDrops: true}, nil, func(s *scenario) {
		s.away(3)
		s.traffic(6*time.Hour, time.Minute)
		assert.GreaterOrEqual(t, len(s.archiveHours(101)), 5)
		for _, gap := range s.gaps() {
			assert.Less(t, time.Since(gap.To), 3*time.Hour, "what the source was away for is still missing")
			assert.Less(t, gap.To.Sub(gap.From), 2*time.Minute)
		}
		s.keepsThePromise(0)
	})
}

// What is due, and what is too old, is reckoned by the service's clock, which only a live session tells.
func TestFill_waitsForTheServicesClock(t *testing.T) {
	tenant(t, podsim.Options{ClockSkew: -5 * time.Hour}, withSecondToken, func(s *scenario) {
		s.away(3)
		s.shutdown()
		before := len(s.service.Handshakes())
		over := s.outage()
		s.start()
		s.elapse(10 * time.Minute)
		handshakes := s.service.Handshakes()[before:]
		assert.NotEmpty(t, handshakes)
		for _, h := range handshakes {
			assert.False(t, h.Query.Has("sinceTime"), "the archive was asked")
		}
		over()
		s.fills(5)
		s.keepsThePromise(0)
	})
}

func TestFill_forgetsTheWindowsThatHaveExpired(t *testing.T) {
	play(t, podsim.Options{}, func(s *scenario) { s.config.Backfill.Since = "719h" }, func(s *scenario) {
		s.elapse(500 * time.Millisecond)
		f := s.source.streams[0].stream.filler
		s.shutdown() // the filler is ours now
		windows := f.position.Windows()
		expires, stays := windows[0].Start.Unix(), windows[9].Start.Unix()
		for _, start := range []int64{expires, stays} {
			f.pauses[start] = time.Minute
			f.barren[start] = barren{}
			f.hopeless[start] = true
		}
		s.elapse(5 * time.Hour)
		f.expire()
		assert.Equal(t, map[int64]time.Duration{stays: time.Minute}, f.pauses)
		assert.Equal(t, map[int64]barren{stays: {}}, f.barren)
		assert.Equal(t, map[int64]bool{stays: true}, f.hopeless)
	})
}

// A record of the archive that was not missed does not count as on its way: it would be dropped when it comes live.
func TestFill_whatWasNotMissedIsNotClaimed(t *testing.T) {
	play(t, podsim.Options{}, nil, func(s *scenario) {
		in := s.source.streams[0].stream.filler.intake
		s.shutdown() // the intake is ours now
		now := time.Now()
		where := position.New(position.Options{MaxEntries: 1024, Remember: time.Hour})
		for i := range 10_000 {
			where.Accept([]position.Record{{ID: uint64(i), TS: now}}, true, now)
		}
		where.Forget(now)
		in.position = where
		frame := mail(1, now.Add(-10*time.Hour), 0)
		splitter := record.Splitter{EventType: podlog.Message}
		splitter.Begin(frame, false, now)
		r := splitter.Next(nil, record.Portion{Records: 1, Bytes: len(frame)})[0]
		require.False(t, where.MayBeMissing(r.Timestamp.AsTime()))
		require.NoError(t, in.take(frame, now, false))
		assert.Zero(t, in.fresh)
		assert.True(t, where.Claim(seenOf(&r)))
	})
}

// A batch can be kept for minutes, and the archive brings much that is dropped.
func TestFill_whatIsKeptDoesNotKeepTheMemoryOfWhatIsDropped(t *testing.T) {
	playAlone(t, podsim.Options{}, nil, func(s *scenario) {
		in := s.source.streams[0].stream.filler.intake
		s.shutdown() // the intake is ours now
		const kept, dropped, size = batchRecords - 1, 20, 2000
		before := heap()
		now := time.Now()
		repeated := mail(0, now, size)
		for k := range kept {
			require.NoError(t, in.take(mail(k, now, size), now, false))
			for range dropped {
				require.NoError(t, in.take(repeated, now, false))
			}
		}
		require.Len(t, in.batch.records, kept)
		assert.Less(t, heap(), before+kept*dropped*size/4)
		runtime.KeepAlive(in)
	})
}

func TestFill_telemetry(t *testing.T) {
	tenant(t, podsim.Options{ArchiveRepeats: 0.5}, func(s *scenario) {
		withSecondToken(s)
		s.config.Backfill.ArchiveDelay = 6 * time.Hour // so that nothing is read at first
	}, func(s *scenario) {
		const name = "otelcol_proofpointpod_receiver_"
		one := func(metric string) float64 { return s.metric(name + metric)["event_type=message"] }
		s.away(3)
		assert.Equal(t, 1., one("gaps_open"))
		gap := s.gaps()[0]
		assert.InDelta(t, gap.To.Sub(gap.From).Seconds(), one("gaps_duration"), 1)
		assert.InDelta(t, time.Since(gap.From).Seconds(), one("gaps_oldest_age"), 1)
		assert.LessOrEqual(t, one("position_age"), 60.)
		missed, _ := s.count()
		assert.EqualValues(t, 1, attr(s.host.last(), "gaps.open"))
		assert.Equal(t, gap.From.Format(time.RFC3339), attr(s.host.last(), "gaps.oldest"))

		s.fills(9)
		assert.Equal(t, 0., one("gaps_open"))
		assert.Equal(t, 0., one("gaps_duration"))
		assert.NotContains(t, s.metric(name+"gaps_oldest_age"), "event_type=message")
		assert.EqualValues(t, missed, one("records_recovered"))
		assert.Equal(t, float64(len(s.archiveHours(101))), s.metric(name + "windows_read")["complete=true event_type=message"])
		assert.Greater(t, s.metric(name + "records_duplicate")["event_type=message session=archive"], 50.)
		assert.EqualValues(t, s.sent, one("identities"))
		assert.Nil(t, attr(s.host.last(), "gaps.open"))
		assert.Equal(t, 1, s.logged("gap filled"))
	})
}

func TestFill_liveRepeatsAreDropped(t *testing.T) {
	tenant(t, podsim.Options{}, func(s *scenario) {
		s.service.Plan(podsim.Step{Do: podsim.Drop, Records: 50}, podsim.Step{Rewind: 20})
	}, func(s *scenario) {
		s.mails(80)
		s.elapse(time.Minute)
		s.keepsThePromise(0)
		assert.Equal(t, map[string]float64{"event_type=message session=live": 20},
			s.metric("otelcol_proofpointpod_receiver_records_duplicate"))
	})
}
