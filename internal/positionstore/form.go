package positionstore

import (
	"time"

	"github.com/proofpointpod/otelcol/internal/position"
)

const (
	// version of the stored form. A head of another version is foreign, but for those of firstVersion.
	version = 2
	// firstVersion does not say which identities are former ones: all are, of a stream that has any.
	firstVersion = 1
)

// storedHead is the head as it is stored.
type storedHead struct {
	Version int    `json:"version"`
	Cluster string `json:"cluster"`
	Stream  string `json:"stream"`

	SavedAt  time.Time `json:"saved_at"`
	Safe     time.Time `json:"safe"`
	Suspect  time.Time `json:"suspect,omitzero"`
	Life     time.Time `json:"life"`
	Accepted time.Time `json:"accepted,omitzero"`
	Clean    bool      `json:"clean"`
	// Flushed is the place up to which records were out of the pipeline's memory.
	Flushed uint64     `json:"flushed"`
	Token   string     `json:"token,omitempty"`
	Doubt   *storedGap `json:"doubt,omitempty"`

	// Aside are records that were neither accepted nor rejected.
	Aside []storedRecord `json:"aside,omitempty"`

	// Hull is that of the gaps: what is missing at the most, should they be lost.
	Hull *storedGap `json:"hull,omitempty"`
	// storedGaps are here in firstVersion, and under a key of their own since.
	storedGaps
	// Unreachable is how many records are missing from further back than the archive reaches, and were not reported.
	Unreachable int `json:"unreachable,omitempty"`

	// The chunks of identities from First on and before Next, and what was forgotten before.
	First   uint64 `json:"first_chunk"`
	Next    uint64 `json:"next_chunk"`
	Horizon uint32 `json:"horizon,omitempty"`
	// Former is the place before which entries have former identities.
	Former uint64 `json:"former,omitempty"`
}

// storedGaps are the gaps as they are stored. A save writes them only if they have changed, as there can be a thousand.
type storedGaps struct {
	Gaps  []storedGap          `json:"gaps,omitempty"`
	Hours map[int64]storedHour `json:"hours,omitempty"`
	Late  map[int64]time.Time  `json:"late,omitempty"`
}

type storedGap struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

type storedHour struct {
	Done bool `json:"done,omitempty"`
	Most int  `json:"most"`
}

type storedRecord struct {
	ID   uint64    `json:"id"`
	TS   time.Time `json:"ts,omitzero"`
	Came time.Time `json:"came"`
}

// newStoredHead makes the head of a save.
func newStoredHead(owner Owner, s position.State, now time.Time) *storedHead {
	head := &storedHead{
		Version: version, Cluster: owner.Cluster, Stream: owner.Stream, SavedAt: now,
		Safe: s.Safe, Suspect: s.Suspect, Life: s.Life, Accepted: s.Accepted, Clean: s.Clean, Flushed: s.Flushed, Token: s.Token,
		Doubt: (*storedGap)(s.Doubt), Hull: (*storedGap)(s.Hull), Unreachable: s.Unreachable,
		First: s.First, Next: s.Next, Horizon: s.Horizon, Former: s.Former,
	}
	for _, r := range s.Undecided {
		head.Aside = append(head.Aside, storedRecord(r))
	}
	return head
}

// state is what the head says of the position.
func (h *storedHead) state() position.State {
	s := position.State{
		Safe: h.Safe, Suspect: h.Suspect, Life: h.Life, Accepted: h.Accepted, Clean: h.Clean, Flushed: h.Flushed, Token: h.Token,
		Doubt: (*position.Gap)(h.Doubt), Hull: (*position.Gap)(h.Hull), Unreachable: h.Unreachable,
		First: h.First, Next: h.Next, Horizon: h.Horizon, Former: h.Former,
	}
	for _, r := range h.Aside {
		s.Undecided = append(s.Undecided, position.Undecided(r))
	}
	return s
}

// newStoredGaps makes the gaps of a save.
func newStoredGaps(s *position.GapState) storedGaps {
	stored := storedGaps{Hours: make(map[int64]storedHour, len(s.Hours)), Late: s.Late}
	for _, gap := range s.Open {
		stored.Gaps = append(stored.Gaps, storedGap(gap))
	}
	for hour, progress := range s.Hours {
		stored.Hours[hour] = storedHour(progress)
	}
	return stored
}

// gapState is what is stored of the gaps.
func (g *storedGaps) gapState() position.GapState {
	s := position.GapState{Hours: make(map[int64]position.HourProgress, len(g.Hours)), Late: g.Late}
	for _, gap := range g.Gaps {
		s.Open = append(s.Open, position.Gap(gap))
	}
	for hour, progress := range g.Hours {
		s.Hours[hour] = position.HourProgress(progress)
	}
	return s
}
