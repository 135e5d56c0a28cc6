package podlog_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/proofpointpod/otelcol/internal/podlog"
)

func TestAsError(t *testing.T) {
	failed := &podlog.Error{Reason: podlog.ReasonDropped}
	assert.Same(t, failed, podlog.AsError(failed))
	assert.Same(t, failed, podlog.AsError(fmt.Errorf("wrapped: %w", failed)))
	assert.Nil(t, podlog.AsError(errors.New("another")))
	assert.Nil(t, podlog.AsError(nil))
}

func TestError_saysWhatCanBeAsked(t *testing.T) {
	type answers struct{ ended, endedInOrder, slotTaken bool }
	for name, test := range map[string]struct {
		err  *podlog.Error
		want answers
	}{
		"none":                          {nil, answers{}},
		"a close":                       {&podlog.Error{Reason: podlog.ReasonClosed, CloseCode: 1000}, answers{ended: true, endedInOrder: true}},
		"a close without a code":        {&podlog.Error{Reason: podlog.ReasonClosed, CloseCode: 1005}, answers{ended: true, endedInOrder: true}},
		"a close of a gateway":          {&podlog.Error{Reason: podlog.ReasonClosed, CloseCode: 1001}, answers{ended: true}},
		"a drop":                        {&podlog.Error{Reason: podlog.ReasonDropped}, answers{ended: true}},
		"silence":                       {&podlog.Error{Reason: podlog.ReasonSilent}, answers{ended: true}},
		"no WebSocket frame":            {&podlog.Error{Reason: podlog.ReasonProtocol}, answers{ended: true}},
		"409":                           {&podlog.Error{Reason: podlog.ReasonStatus, Status: 409}, answers{slotTaken: true}},
		"409 of the proxy":              {&podlog.Error{Reason: podlog.ReasonProxy, Status: 409}, answers{}},
		"another answer to a handshake": {&podlog.Error{Reason: podlog.ReasonStatus, Status: 401}, answers{}},
	} {
		t.Run(name, func(t *testing.T) {
			got := answers{test.err.Ended(), test.err.EndedInOrder(), test.err.SlotTaken()}
			assert.Equal(t, test.want, got)
			assert.False(t, test.err.MayBeOpen(), "only a handshake that was sent says so")
		})
	}
}
