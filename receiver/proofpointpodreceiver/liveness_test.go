package proofpointpodreceiver

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/podsim"
)

func TestLiveness_quietTenantKeepsItsSession(t *testing.T) {
	play(t, podsim.Options{}, nil, func(s *scenario) {
		s.elapse(6*time.Hour + time.Second)
		sessions := s.service.Sessions()
		require.Len(t, sessions, 1)
		assert.Zero(t, sessions[0].Ended, "ended by %s", sessions[0].EndedBy)
		assert.Equal(t, 6*30, sessions[0].Pings, "one every two minutes")
		assert.Equal(t, []string{"Initialized", "Authenticated", "Collecting"}, s.host.states())
	})
}

func TestLiveness_noPingsWhileRecordsCome(t *testing.T) {
	rate := map[podlog.EventType]float64{podlog.Message: 1. / 60}
	play(t, podsim.Options{Rate: rate}, nil, func(s *scenario) {
		s.elapse(2 * time.Hour)
		require.Len(t, s.service.Sessions(), 1)
		assert.Zero(t, s.service.Sessions()[0].Pings)
	})
}

func TestLiveness_frozenServiceIsNoticedAndLeft(t *testing.T) {
	play(t, podsim.Options{SlotHold: -1}, nil, func(s *scenario) {
		s.service.Generate(podlog.Message, 10)
		s.collects(podlog.Message)
		s.service.Plan(podsim.Step{Do: podsim.Hang, Times: 2})
		s.service.DropAll(podsim.Freeze)
		s.elapse(time.Second)
		s.service.Generate(podlog.Message, 10)

		s.elapse(3 * time.Minute)
		event := s.host.last()
		assert.Equal(t, "Error", attr(event, "state"), "not noticed within interval + timeout")
		assert.Equal(t, componentstatus.StatusRecoverableError, event.Status())
		assert.Equal(t, "ThirdPartyGeneric", attr(event, "error.type"))
		assert.ErrorContains(t, event.Err(), "nothing came from the service for 3m0s")

		// Two attempts hang until handshake_timeout, with a wait behind each.
		s.collects(podlog.Message)
		waits := s.waits(podlog.Message)
		require.Len(t, waits, 3)
		for _, wait := range waits[1:] {
			assert.GreaterOrEqual(t, wait, 30*time.Second)
			assert.LessOrEqual(t, wait, 37*time.Second)
		}
		assert.Contains(t, s.said(), "no answer within 30s")
	})
}

func TestLiveness_asConfigured(t *testing.T) {
	play(t, podsim.Options{}, func(s *scenario) {
		s.config.Keepalive = KeepaliveConfig{Interval: 10 * time.Second, Timeout: 5 * time.Second}
	}, func(s *scenario) {
		s.elapse(55 * time.Second)
		assert.Equal(t, 5, s.service.Sessions()[0].Pings)
		s.service.DropAll(podsim.Freeze)
		s.elapse(9 * time.Second) // 14 s after the last pong
		assert.Equal(t, "Collecting", attr(s.host.last(), "state"))
		s.elapse(time.Second)
		assert.Equal(t, "Error", attr(s.host.last(), "state"))
	})
}

func TestLiveness_pongsMayComeLate(t *testing.T) {
	play(t, podsim.Options{PongDelay: 55 * time.Second}, nil, func(s *scenario) {
		s.elapse(6 * time.Hour)
		assert.Len(t, s.service.Sessions(), 1)
	})
}

func TestLiveness_recordsAreASignOfLifeWherePongsAreNot(t *testing.T) {
	// Quiet long enough for a ping, but not for an end.
	rate := map[podlog.EventType]float64{podlog.Message: 1. / 170}
	play(t, podsim.Options{Rate: rate}, func(s *scenario) {
		s.service.Plan(podsim.Step{NoPong: true})
	}, func(s *scenario) {
		s.elapse(2 * time.Hour)
		require.Len(t, s.service.Sessions(), 1)
		assert.Greater(t, s.service.Sessions()[0].Pings, 30)
	})
}

func TestLiveness_withoutPongsAndRecordsTheSessionIsDead(t *testing.T) {
	play(t, podsim.Options{}, func(s *scenario) {
		s.service.Plan(podsim.Step{NoPong: true})
	}, func(s *scenario) {
		s.elapse(3*time.Minute - time.Second)
		assert.Equal(t, "Collecting", attr(s.host.last(), "state"))
		s.elapse(time.Second)
		assert.Equal(t, "Error", attr(s.host.last(), "state"))
		s.state("Collecting")
	})
}

// Proxies and load balancers often end what was quiet for a minute, and the user can do something about it.
func TestLiveness_saysThatQuietConnectionsAreEnded(t *testing.T) {
	const hint = "Sessions end again and again when nothing has come for 1m0s: a proxy, firewall or load balancer in between may end quiet connections. Set keepalive.interval to less, such as 30s"
	play(t, podsim.Options{IdleTimeout: time.Minute, SlotHold: -1}, nil, func(s *scenario) {
		s.service.Generate(podlog.Message, 10)
		event := s.state("Error")
		assert.NotContains(t, event.Err().Error(), "Sessions end again", "once can be chance")
		s.state("Collecting")
		s.elapse(20 * time.Second)
		s.service.Generate(podlog.Message, 10)
		assert.ErrorContains(t, s.state("Error").Err(), hint)
		assert.Contains(t, s.said(), hint)
	})
}

// A service that limits the age of a session is no such thing, though the pings make the end come after the same silence.
func TestLiveness_saysNothingOfQuietConnectionsWhereSessionsEndWithTheirAge(t *testing.T) {
	flap(t, 5*time.Minute, 0, 0, func(s *scenario) {
		s.elapse(time.Hour)
		assert.Greater(t, s.logged("not collecting; trying again"), 5)
		assert.NotContains(t, s.said(), "keepalive.interval")
	})
}
