// Package podsim plays the Proofpoint on Demand Log Service: in process for tests, and as the command podsim.
package podsim
