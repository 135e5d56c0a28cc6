package proofpointpodreceiver

import (
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/proofpointpod/otelcol/internal/record"
	"github.com/proofpointpod/otelcol/internal/status"
)

const (
	// asideWait is how long a record that was set aside waits for its next attempt while others are accepted.
	asideWait = time.Second
	// refusalsToReject is how often a record has to be refused by itself before it is rejected: a far end that answers an
	// error for a moment does so more than once.
	refusalsToReject = 5
	// maxAside is how many records can be set aside. More than that hold the next batch.
	maxAside = 100
	// fruitlessAside is how many records that are set aside are offered in vain while nothing is accepted: the others would
	// be refused, too.
	fruitlessAside = 3
	// namedRecords is how many of the records that are rejected together are named in the log.
	namedRecords = 10
)

// aside holds the records that the pipeline refuses for good, and of which nothing shows yet whether it refuses all. It
// belongs to its delivery.
type aside struct {
	records []asideRecord
	// retryAt is when they are offered again; zero: there are none.
	retryAt time.Time
}

type asideRecord struct {
	record record.Record
	owner  recordOwner
	// refusals is how often it was refused by itself, refusal why.
	refusals int
	refusal  error
	// acceptances is the delivery's count when it was refused first.
	acceptances uint64
}

// hurry has the records offered again soon: the pipeline accepts others.
func (a *aside) hurry() {
	if soon := time.Now().Add(asideWait); !a.retryAt.IsZero() && soon.Before(a.retryAt) {
		a.retryAt = soon
	}
}

// keepAside keeps records that were refused by themselves, and of which the owner knows, for other attempts.
func (d *delivery) keepAside(suspects []refusedRecord, owner recordOwner) {
	for _, s := range suspects {
		d.aside.records = append(d.aside.records, asideRecord{
			record: s.record, owner: owner, refusals: 1, refusal: s.refusal, acceptances: s.acceptances,
		})
	}
	if d.aside.retryAt.IsZero() { // else what comes would put off those before it again and again
		d.aside.retryAt = time.Now().Add(asideWait)
	}
}

// makeRoomAside waits, if too many records are set aside, until some are accepted or rejected.
func (d *delivery) makeRoomAside() error {
	for len(d.aside.records) >= maxAside {
		if err := d.pause(time.Until(d.aside.retryAt)); err != nil {
			return err
		}
		if err := d.retryAside(); err != nil {
			return err
		}
	}
	return nil
}

// retryAsideIfDue offers the records that are set aside again, if it is time.
func (d *delivery) retryAsideIfDue() error {
	if d.aside.retryAt.IsZero() || time.Now().Before(d.aside.retryAt) {
		return nil
	}
	return d.retryAside()
}

// retryAside offers the records that are set aside, each by itself, and rejects those that are refused again though
// others were accepted.
func (d *delivery) retryAside() error {
	if err := d.awaitHeld(len(d.aside.records)); err != nil { // the answer may be to one of them
		return err
	}
	waiting := d.aside.records
	d.aside.records = nil
	var rejected []asideRecord
	var refusal error
	refusals, before := 0, d.acceptances
	for i := range waiting {
		one := waiting[i]
		isProven := d.acceptances > one.acceptances
		if !isProven && refusals >= fruitlessAside {
			d.aside.records = append([]asideRecord{one}, d.aside.records...) // first the next time
			continue
		}
		answer, err := d.offerAside(one)
		switch {
		case err != nil:
			d.aside.records = append(d.aside.records, waiting[i:]...)
			d.reject(rejected)
			return err
		case answer == nil:
			continue
		}
		refusals++
		one.refusals++
		one.refusal, refusal = answer, answer
		if one.refusals >= refusalsToReject && d.acceptances > one.acceptances {
			rejected = append(rejected, one)
		} else {
			d.aside.records = append(d.aside.records, one)
		}
	}
	d.reject(rejected)
	return d.scheduleAside(refusal, before)
}

// offerAside offers one record that is set aside.
func (d *delivery) offerAside(one asideRecord) (refusal, err error) {
	records := []record.Record{one.record}
	return d.offerUntilAnswered(d.format.Logs(records), records, asideOwner{one.owner, d})
}

// asideOwner owns a record that is set aside, and that the pipeline may answer for late.
type asideOwner struct {
	recordOwner
	delivery *delivery
}

// late implements recordOwner. A record that was refused late stays set aside.
func (o asideOwner) late(records []record.Record, answer error) {
	if answer != nil {
		return
	}
	o.delivery.aside.records = slices.DeleteFunc(o.delivery.aside.records, func(one asideRecord) bool {
		return one.record.ID == records[0].ID
	})
	o.recordOwner.late(records, nil)
}

// scheduleAside says when the records that are still set aside are offered again. As long as the pipeline accepts nothing
// since they were refused, it counts as refusing.
func (d *delivery) scheduleAside(refusal error, acceptances uint64) error {
	if len(d.aside.records) == 0 {
		d.aside.retryAt = time.Time{}
		return nil
	}
	wait := asideWait
	if refusal != nil && d.acceptances == acceptances && !d.isAnyProven() {
		var err error
		if wait, err = d.refused(status.PipelineRefusesAll(refusal), len(d.aside.records)); err != nil {
			return err
		}
	}
	d.aside.retryAt = time.Now().Add(wait)
	return nil
}

// isAnyProven says whether another record was accepted after one that is set aside was refused.
func (d *delivery) isAnyProven() bool {
	for i := range d.aside.records {
		if d.acceptances > d.aside.records[i].acceptances {
			return true
		}
	}
	return false
}

// reject gives up records, and says which they are.
func (d *delivery) reject(rejected []asideRecord) {
	if len(rejected) == 0 {
		return
	}
	names := make([]string, 0, namedRecords)
	for _, one := range rejected {
		name := record.Name(one.record.Body)
		if len(names) < namedRecords {
			names = append(names, name)
		}
		d.health.ReportLoss(status.PipelineRejects(name, one.refusal))
		one.owner.rejected(one.record)
	}
	d.metrics.refused(len(rejected))
	d.count(len(rejected), rejected[0].refusal)
	d.logger.Error("records rejected: the pipeline refuses them for good while it accepts others; they are lost",
		zap.Int("records", len(rejected)), zap.Strings("identities", names), zap.Error(rejected[0].refusal))
}

// abandonAside accounts for the records that are still set aside when the delivery ends.
func (d *delivery) abandonAside() {
	for _, one := range d.aside.records {
		one.owner.abandoned(one.record)
	}
	if left := len(d.aside.records); left > 0 {
		d.lost(left, d.aside.records[0].refusal)
	}
	d.aside = aside{}
}
