package main

import (
	"math"
	"slices"
	"time"
)

// results are what was measured.
type results struct {
	service  service
	variants []variant
	// samples are those of each variant, one for each round.
	samples map[string][]sample
	rounds  int
	time    time.Duration
	cores   []int // the clients'
}

func (s sample) rate() float64   { return s.total() / s.Seconds }
func (s sample) micros() float64 { return 1e6 * s.CPU / s.total() }
func (s sample) allocs() float64 { return s.Allocs / s.total() }
func (s sample) bytes() float64  { return s.Bytes / s.total() }

// cores is how many cores the client used on average, serverCores how many the server did.
func (s sample) cores() float64       { return s.CPU / s.Seconds }
func (s sample) serverCores() float64 { return s.ServerCPU / s.Seconds }

// spread is what rounds brought. It is NaN if there were none.
type spread struct{ median, least, most float64 }

func spreadOf(values []float64) spread {
	if len(values) == 0 {
		return spread{math.NaN(), math.NaN(), math.NaN()}
	}
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	median := sorted[middle]
	if len(sorted)%2 == 0 {
		median = (sorted[middle-1] + sorted[middle]) / 2
	}
	return spread{median, sorted[0], sorted[len(sorted)-1]}
}

func (s spread) measured() bool { return !math.IsNaN(s.median) }

// of is a figure of a variant.
func (r *results) of(variant string, figure func(sample) float64) spread {
	var values []float64
	for _, s := range r.samples[variant] {
		values = append(values, figure(s))
	}
	return spreadOf(values)
}

// ratio compares a figure of a variant with that of another, round by round.
func (r *results) ratio(variant, to string, figure func(sample) float64) spread {
	var values []float64
	for i := range min(len(r.samples[variant]), len(r.samples[to])) {
		values = append(values, figure(r.samples[variant][i])/figure(r.samples[to][i]))
	}
	return spreadOf(values)
}
