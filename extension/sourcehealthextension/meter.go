package sourcehealthextension

import (
	"math"
	"strconv"
	"time"
)

const (
	// plotStep is the time between two points of a plot.
	plotStep = 10 * time.Second
	// plotPoints is how many points a plot has: an hour.
	plotPoints = int(time.Hour / plotStep)
	// rateSpan is the time over which the present rate is taken.
	rateSpan = 10 * time.Second
)

// reading is what a stream's counters showed at one moment.
type reading struct {
	at             time.Time
	records, bytes int64
}

// meter turns the counters of a stream into rates. It belongs to the observer's goroutine.
type meter struct {
	recent  []reading // of the last rateSpan, oldest first
	plotted reading   // at the last point
	points  []point   // oldest first
	end     time.Time // of the last point
}

// point is how fast records came in one step of a plot.
type point struct{ records, bytes rate }

// rate is so much in a second. NaN: not known.
type rate float64

func unknown() rate { return rate(math.NaN()) }

// MarshalJSON writes four digits, which is more than a plot can show, and null for what is not known.
func (r rate) MarshalJSON() ([]byte, error) {
	if math.IsNaN(float64(r)) {
		return []byte("null"), nil
	}
	rounded, err := strconv.ParseFloat(strconv.FormatFloat(float64(r), 'g', 4, 64), 64)
	if err != nil {
		return nil, err
	}
	return strconv.AppendFloat(nil, rounded, 'f', -1, 64), nil
}

// read takes a reading.
func (m *meter) read(now reading) {
	if n := len(m.recent); n > 0 && now.records < m.recent[n-1].records {
		m.recent = m.recent[:0] // counts begin anew
	}
	m.recent = append(m.recent, now)
	for len(m.recent) > 2 && now.at.Sub(m.recent[1].at) >= rateSpan {
		m.recent = m.recent[1:]
	}
}

// now is the present rate.
func (m *meter) now() point {
	if len(m.recent) < 2 {
		return point{unknown(), unknown()}
	}
	return between(m.recent[0], m.recent[len(m.recent)-1])
}

// plot adds a point, from what was read since the last one. Steps in between that nobody has measured, because the
// machine slept, stay empty.
func (m *meter) plot(now time.Time) {
	if len(m.recent) == 0 {
		return
	}
	last := m.recent[len(m.recent)-1]
	missed := 0
	if !m.end.IsZero() {
		missed = min(int(math.Round(now.Sub(m.end).Seconds()/plotStep.Seconds()))-1, plotPoints)
	}
	for range missed {
		m.points = append(m.points, point{unknown(), unknown()})
	}
	next := point{unknown(), unknown()}
	if !m.plotted.at.IsZero() && missed <= 0 {
		next = between(m.plotted, last)
	}
	m.points = append(m.points, next)
	m.points = m.points[max(len(m.points)-plotPoints, 0):]
	m.plotted, m.end = last, now
}

// between is the rate from one reading to another. Counts that are lower than before have begun anew.
func between(a, b reading) point {
	seconds := b.at.Sub(a.at).Seconds()
	if seconds <= 0 {
		return point{unknown(), unknown()}
	}
	if b.records < a.records || b.bytes < a.bytes {
		a.records, a.bytes = 0, 0
	}
	return point{rate(float64(b.records-a.records) / seconds), rate(float64(b.bytes-a.bytes) / seconds)}
}

// plotView is a plot as the page gets it.
type plotView struct {
	End         time.Time `json:"end,omitzero"` // of the last point; left out: there is none yet
	StepSeconds float64   `json:"stepSeconds"`
	// Rates, oldest first, null where nobody has measured. At most an hour.
	RecordsPerSecond []rate `json:"recordsPerSecond"`
	BytesPerSecond   []rate `json:"bytesPerSecond"`
}

func (m *meter) view() *plotView {
	view := &plotView{
		End: m.end, StepSeconds: plotStep.Seconds(),
		RecordsPerSecond: make([]rate, 0, len(m.points)), BytesPerSecond: make([]rate, 0, len(m.points)),
	}
	for _, p := range m.points {
		view.RecordsPerSecond = append(view.RecordsPerSecond, p.records)
		view.BytesPerSecond = append(view.BytesPerSecond, p.bytes)
	}
	return view
}
