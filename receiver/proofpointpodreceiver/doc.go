//go:generate mdatagen metadata.yaml

// Package proofpointpodreceiver streams the records of the Proofpoint on Demand (PoD) Log Service into logs pipelines:
// one secure WebSocket for each event type, each record one log record.
package proofpointpodreceiver
