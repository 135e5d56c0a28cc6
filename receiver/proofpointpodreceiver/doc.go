//go:generate mdatagen metadata.yaml

// Package proofpointpodreceiver streams the records of the Proofpoint on Demand (PoD) Log Service into logs pipelines:
// one secure WebSocket for each event type, each record one log record.
//
// A stream holds one frame at a time, and splits it as far as a batch has room. Beside the batch it takes 2.2 times the
// length of the frame, at most max_record_size: what was read, a copy, and what the scan notes; reading takes half as much
// again for a moment. Garbage that is not collected yet comes on top.
package proofpointpodreceiver
