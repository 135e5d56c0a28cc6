// Package podsim plays the Proofpoint on Demand (PoD) Log Service: in process for tests, and as the command podsim.
//
// It does what is publicly known of the service. Where that leaves a question open, Options lets it play both answers:
// Resume, StartsNow, ArchiveMovesLive, ArchiveSkipsLive, IgnoreRecentSince, IgnoreTimes, ArchiveStays, RefuseFuture,
// Compression.
//
//	service := podsim.New(podsim.Options{Rate: map[podlog.EventType]float64{podlog.Message: 50}})
//	defer service.Close()
//	ca, _ := podsim.NewCA()
//	config, _ := ca.ServerConfig()
//	pipe := podsim.NewPipe()              // or net.Listen
//	endpoint := service.Start(pipe, config) // wss://…/v1/stream
//
// A Service uses package time alone and a Pipe waits durably, so that the whole, with TLS, runs in a testing/synctest
// bubble: an idle timeout of five minutes takes no time.
//
// # Sessions
//
// Records come from Push, Generate, Options.Rate and Options.Past. A live session starts where the last one of its
// token and event type stood, if that ended within Options.Memory, and else at what arrived since that long ago. It is
// sent what there is as fast as the client reads, then new records as they come. A second session is answered with
// 409. A close frame, from either side, frees the slot at once, before the other side can know of it; after any
// other end the slot is held for Options.SlotHold.
//
// What counts as written was given to the operating system in full. A Reset, and a client that closes without
// reading, may lose some of it, and the service does not know: only what Step.Lose swallows makes a difference between
// ResumeAfterWritten and ResumeAfterReceived.
//
// An archive session (sinceTime, toTime) is sent the whole hours that it touches, as far as they are older than
// Options.ArchiveDelay, by the time of arrival, and then ends.
//
// What happens to a connection before the service has it, an [Interceptor] plays: alerts in plain text, other
// certificates, answers of a gateway. A [Proxy] is what a client goes through.
//
// # Fault plans
//
// A plan is a list of steps. Each handshake takes the first step for its event type; when there is none, the service
// behaves well. Steps that refuse, hang or abort meet any handshake. The others wait for one that is accepted, so that
// a 409 while a slot is held uses up no session. In JSON, for the command's flag and for the HTTP interface:
//
//	[
//	  {"do": "refuse", "status": 502, "times": 2},
//	  {"do": "refuse", "status": 429, "headers": {"Retry-After": "7"}, "type": "maillog"},
//	  {"do": "serve", "interim": [100, 103]},
//	  {"do": "hang"},
//	  {"do": "drop", "records": 100, "lose": 3},
//	  {"do": "freeze", "after": "10s", "type": "message"},
//	  {"do": "close", "records": 5, "code": 1012, "reason": "restart"},
//	  {"do": "serve", "frames": [{"text": ""}, {"base64": "//4=", "binary": true}, {"size": 70000000}], "group": 3}
//	]
//
// That is: two bad gateways; a limit for maillog only; a session with two 1xx answers before its 101; a handshake
// without an answer; a session that ends without a close frame after 100 records, while the service takes three more
// for written; a session for messages that freezes after ten seconds; one that is closed; and one that begins with odd
// frames, then sends records three to a frame, and lives. Step documents all keys.
package podsim
