package podsim

import (
	"time"

	"github.com/proofpointpod/otelcol/internal/podlog"
)

// Token is the bearer token that a Service accepts when Options names none. It has the shape of a token and is
// none: its payload says so.
const Token = "eyJhbGciOiJub25lIn0.eyJpc3MiOiJwb2RzaW0iLCJzdWIiOiJub3QtYS1yZWFsLXRva2VuLWZvci1zaW11bGF0aW9uLW9ubHkifQ.c2ltdWxhdGVk"

// ClusterID is the PoD cluster that a Service answers for when Options names none.
const ClusterID = "podsim_hosted"

// Resume is what a live session goes on after. The service's document leaves it open.
type Resume int

// The two readings of where a live session resumes.
const (
	// ResumeAfterWritten goes on after the last record the service took for written: records it wrote but that
	// never arrived are lost.
	ResumeAfterWritten Resume = iota
	// ResumeAfterReceived goes on after the last record that arrived: records that Step.Lose swallowed come again.
	ResumeAfterReceived
)

// Options says how a Service behaves. The zero value is a service that behaves well, as far as its public
// description goes, and that produces nothing by itself.
type Options struct {
	// ClusterID is the only PoD cluster (`cid`) that is known. Default: ClusterID.
	ClusterID string
	// Tokens are the bearer tokens that are valid at the start. Default: Token.
	Tokens []string
	// EventTypes are those the cluster has a licence for; the others are refused with 401. Default: all.
	EventTypes []podlog.EventType

	// Seed makes the generated records repeatable, but for their times.
	Seed uint64
	// Rate is how many records per second are generated, for each event type. Default: none.
	Rate map[podlog.EventType]float64
	// Past is how many records are generated at the start as if they had arrived evenly over the last 24 hours, for
	// each event type. Default: none.
	Past map[podlog.EventType]int
	// Retain is how many bytes of records are kept for each event type, for live resume, archive and Produced.
	// The oldest go first. Default: 256 MiB.
	Retain int

	// ClockSkew is how far the service's clock is ahead of this machine's. It counts in all that a client can see: the
	// times of records, the archive, the Date of a handshake's answer, but not in what package time tells.
	ClockSkew time.Duration

	// Memory is how long the service remembers where a live session stood, and how far back the first one
	// starts. Default: 1 h.
	Memory time.Duration
	// Resume is what a live session goes on after. Default: ResumeAfterWritten.
	Resume Resume
	// StartsNow begins the first session of a token and event type with what arrives from then on, instead of what arrived
	// within Memory.
	StartsNow bool
	// SlotHold is how long a session that died without a close frame keeps its slot, so that the next handshake
	// is answered with 409. Default: 5 s; negative: no time at all.
	SlotHold time.Duration
	// IdleTimeout ends a session in which nothing was sent or received for so long. Default: 300 s.
	IdleTimeout time.Duration
	// PongDelay is how late pings are answered. Default: at once.
	PongDelay time.Duration
	// CloseTail is how many records, if there are so many, are still written after a client's close frame and
	// before the service's own: those that were already on their way.
	CloseTail int
	// CloseDrops closes the connection, after a client's close frame and CloseTail, instead of answering it. The
	// slot is held as after any end without a close frame.
	CloseDrops bool
	// Compression accepts permessage-deflate.
	Compression bool

	// ArchiveDelay is how long a record takes to reach the archive. Default: 30 min.
	ArchiveDelay time.Duration
	// ArchiveRepeats is the share of records, 0 to 1, that the archive sends twice.
	ArchiveRepeats float64
	// ArchiveDrops ends an archive session, when all is delivered, by a bare drop instead of a normal close.
	ArchiveDrops bool
	// ArchiveRefuses is the status with which each session with the archive is refused. Default: none is.
	ArchiveRefuses int
	// ArchiveStays leaves an archive session open when all is delivered.
	ArchiveStays bool
	// ArchiveMovesLive makes the next live session go on where an archive session ended.
	ArchiveMovesLive bool
	// ArchiveSkipsLive makes the next live session begin with what arrives after the end of an archive session.
	ArchiveSkipsLive bool
	// IgnoreRecentSince takes a sinceTime younger than one hour for none: the session is live.
	IgnoreRecentSince bool
	// IgnoreTimes takes no notice of sinceTime and toTime: every session is live.
	IgnoreTimes bool
	// RefuseFuture answers 400 to a toTime in the future.
	RefuseFuture bool
}

// withDefaults returns o with every unset value filled in.
func (o Options) withDefaults() Options {
	if o.ClusterID == "" {
		o.ClusterID = ClusterID
	}
	if o.Tokens == nil {
		o.Tokens = []string{Token}
	}
	if o.EventTypes == nil {
		o.EventTypes = podlog.EventTypes()
	}
	if o.Retain == 0 {
		o.Retain = 256 << 20
	}
	if o.Memory == 0 {
		o.Memory = time.Hour
	}
	if o.SlotHold == 0 {
		o.SlotHold = 5 * time.Second
	}
	if o.IdleTimeout == 0 {
		o.IdleTimeout = 300 * time.Second
	}
	if o.ArchiveDelay == 0 {
		o.ArchiveDelay = 30 * time.Minute
	}
	return o
}
