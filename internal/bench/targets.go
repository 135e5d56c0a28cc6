package main

// check is one figure that a target bounds.
type check struct {
	id, what string
	got      spread
	unit     string
	// atLeast says which way the bound lies.
	atLeast bool
	bound   float64
}

// met says whether the median is within the bound.
func (c check) met() bool {
	if c.atLeast {
		return c.got.median >= c.bound
	}
	return c.got.median <= c.bound
}

// checks are those of the targets P1 to P9, in this order.
func (r *results) checks() []check {
	var list []check
	atLeast := func(bound float64, id, what string, got spread) {
		list = append(list, check{id, what, got, "times", true, bound})
	}
	atMost := func(bound float64, unit, id, what string, got spread) {
		list = append(list, check{id, what, got, unit, false, bound})
	}
	single := []string{messages, maillogs}
	for _, w := range single {
		atLeast(1.3, "P1", "text, "+w+": records/s against ReadMessage", r.ratio(of(text, w), of(readMessage, w), sample.rate))
		atMost(0.8, "times", "P1", "text, "+w+": CPU against ReadMessage", r.ratio(of(text, w), of(readMessage, w), sample.micros))
	}
	for _, w := range single {
		atMost(2.5, "times", "P2", "text, "+w+": CPU against the TLS socket", r.ratio(of(text, w), of(rawTLS, w), sample.micros))
	}
	for _, w := range single {
		body := r.service.Workloads[w].Body
		beside := func(s sample) float64 { return s.bytes() - body }
		atMost(7, "a record", "P3", "text, "+w+", attributes on the resource: allocations", r.of(of(textResource, w), sample.allocs))
		atMost(700, "bytes a record", "P3", "text, "+w+", attributes on the resource: allocated beside the body", r.of(of(textResource, w), beside))
		atMost(9, "a record", "P3", "text, "+w+", attributes on the record: allocations", r.of(of(text, w), sample.allocs))
	}
	for _, w := range single {
		least := map[string]float64{messages: 0.22, maillogs: 0.40}[w]
		atLeast(least, "P4", "map, "+w+": records/s against ReadMessage", r.ratio(of(parsed, w), of(readMessage, w), sample.rate))
		atLeast(3, "P4", "map, "+w+": records/s against a naive receiver", r.ratio(of(parsed, w), of(naive, w), sample.rate))
	}
	for _, w := range single {
		is := r.service.Workloads[w]
		atMost(1.8, "a JSON node", "P5", "map, "+w+": allocations", r.of(of(parsed, w), func(s sample) float64 { return s.allocs() / is.Nodes }))
		atMost(4.5, "times", "P5", "map, "+w+": bytes allocated against the record", r.of(of(parsed, w), func(s sample) float64 { return s.bytes() / is.Body }))
	}
	for _, w := range single {
		atMost(1.1, "times", "P6", "text, "+w+", positions in storage: CPU against the least that can be configured",
			r.ratio(of(textStored, w), of(textLeast, w), sample.micros))
		atMost(1.1, "times", "P6", "the same, with 2,000,000 identities remembered", r.ratio(of(textFull, w), of(textLeast, w), sample.micros))
		atMost(1.1, "times", "P6", "text, "+w+", positions in storage: CPU against the bare path", r.ratio(of(textStored, w), of(bareText, w), sample.micros))
	}
	atMost(1.1, "times", "P7", "peak memory at the last record against 1 million records", r.growth(soakRun, 1_000_000))
	atMost(1.1, "times", "P7", "the same against 3 million, when the 2,000,000 identities are there that are remembered", r.growth(soakRun, 3_000_000))
	atMost(1.1, "times", "P7", "the same against 1 million, with 500,000 identities", r.growth(fewRun, 1_000_000))
	atMost(1.1, "times", "P7", "heap in use after a burst of large records against before", r.burst(func(s step) float64 { return s.Heap }))
	atMost(1.1, "times", "P7", "resident memory after it against before", r.burst(func(s step) float64 { return s.RSS }))
	for _, name := range []string{text, parsed} {
		atLeast(1.8, "P8", name+", both streams: records against each alone", r.both(name))
	}
	atMost(0.1, "% of a core", "P9", "two idle streams", r.of(of(idleRun, bothStreams), func(s sample) float64 { return 100 * s.CPU / s.Seconds }))
	return list
}

// growth compares the peak memory at the end of a soak with that at a number of records.
func (r *results) growth(run string, since int) spread {
	var values []float64
	for _, s := range r.samples[of(run, maillogs)] {
		for _, at := range s.Steps[:len(s.Steps)-1] {
			if at.Records >= since {
				values = append(values, s.Steps[len(s.Steps)-1].Peak/at.Peak)
				break
			}
		}
	}
	return spreadOf(values)
}

// burst compares the memory after a burst with that before.
func (r *results) burst(figure func(step) float64) spread {
	var values []float64
	for _, s := range r.samples[of(burstRun, messages)] {
		values = append(values, figure(s.Steps[len(s.Steps)-1])/figure(s.Steps[0]))
	}
	return spreadOf(values)
}

// both is how much more two streams at once bring than one at a time: the sum of what each brings in parts of what it
// brings alone.
func (r *results) both(name string) spread {
	alone := map[string]string{text: textOne, parsed: parsedOne}[name]
	var values []float64
	for i, together := range r.samples[of(name, bothStreams)] {
		sum := 0.0
		for _, w := range []string{messages, maillogs} {
			single := r.samples[of(alone, w)]
			if i >= len(single) {
				return spreadOf(nil)
			}
			sum += float64(together.Records[w]) / together.Seconds / single[i].rate()
		}
		values = append(values, sum)
	}
	return spreadOf(values)
}
