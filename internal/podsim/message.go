package podsim

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// largeShare is one in how many message records has an attachment or a list of URLs that makes it large.
const largeShare = 250

// message makes the k-th message record.
func (g *generator) message(k uint64, now time.Time) []byte {
	random := g.random(messageStream, k)
	m := g.mail(k)
	at := agentTime(now, 900*time.Millisecond, random)
	record := object{
		{"guid", text64(random, 24, base64.RawURLEncoding)},
		{"ts", at.Format(tsLayout)},
		{"connection", connection(m, random)},
		{"envelope", object{
			{"from", m.from}, {"fromHashed", hashed(random, m.from)[0]},
			{"rcpts", m.rcpts}, {"rcptsHashed", hashed(random, m.rcpts...)},
		}},
		{"filter", filter(m, at, random)},
		{"msg", header(m, random)},
		{"msgParts", parts(random)},
		{"metadata", g.origin(m.agent)},
	}
	if random.IntN(2) == 0 { // newer agents leave it out
		record = append(record, member{"pps", object{{"agent", m.agent}, {"cid", g.cluster}, {"version", version}}})
	}
	return appendJSON(nil, record, random)
}

// connection is where the mail came from.
func connection(m mail, random *rand.Rand) object {
	country := pick(random, []string{"us", "de", "jp", "br", "**"})
	inbound := any(object{
		{"cipher", "ECDHE-RSA-AES256-GCM-SHA384"}, {"cipherBits", 256}, {"version", "TLSv1.2"}, {"policy", "smtp-default"},
	})
	if random.IntN(10) == 0 {
		inbound = nil
	}
	return object{
		{"country", country}, {"helo", m.host}, {"host", m.host}, {"ip", m.ip}, {"protocol", "smtp:smtp"},
		{"sid", strings.ToLower(letters(random, 10))}, {"resolveStatus", "ok"}, {"tls", object{{"inbound", inbound}}},
	}
}

// filter is what was done with the mail.
func filter(m mail, at time.Time, random *rand.Rand) object {
	direction, routes := "inbound", []string{"Verified_Recipients", "default_inbound"}
	if m.outbound {
		direction, routes = "outbound", []string{"allow_relay", "firewallsafe", "internalnet", "outbound"}
	}
	disposition, quarantine := "continue", object{{"folder", ""}, {"rule", ""}}
	spam := 0
	if random.IntN(12) == 0 {
		disposition, quarantine = "discard", object{{"folder", "Bulk"}, {"rule", "spam_definite"}}
		spam = 80 + random.IntN(21)
	}
	return object{
		{"qid", m.qid}, {"disposition", disposition}, {"routeDirection", direction}, {"routes", routes},
		{"startTime", at.Format(tsLayout)}, {"durationSecs", float64(random.IntN(2_000_000)) / 1e6},
		{"msgSizeBytes", m.size}, {"isMsgEncrypted", false}, {"isMsgReinjected", false},
		{"actions", list{
			object{{"action", "add-header"}, {"module", "av"}, {"rule", "clean"}},
			object{{"action", "continue"}, {"module", "spf"}, {"rule", "pass"}},
			object{{"action", "continue"}, {"module", "dmarc"}, {"rule", "pass"}},
			object{{"action", disposition}, {"module", "spam"}, {"rule", "notspam"}, {"isFinal", true}},
		}},
		{"quarantine", quarantine},
		{"suborgs", object{{"sender", "0"}, {"rcpts", []string{"0"}}}},
		{"verified", object{{"rcpts", m.rcpts}, {"rcptsHashed", hashed(random, m.rcpts...)}}},
		{"delivered", object{{"rcpts", m.rcpts}, {"rcptsHashed", hashed(random, m.rcpts...)}}},
		{"modules", modules(m, spam, random)},
	}
}

// modules are the findings of each filter module.
func modules(m mail, spam int, random *rand.Rand) object {
	_, domain, _ := strings.Cut(m.from, "@")
	return object{
		{"av", object{{"virusNames", []string{}}, {"version", object{{"engine", "6300.9389.1015"}, {"definitions", "9801"}}}}},
		{"dkimv", list{object{{"selector", "selector1"}, {"domain", domain}, {"result", "pass"}}}},
		{"dmarc", object{
			{"srvid", "ppops.net"}, {"filterdResult", "pass"},
			{"authResults", list{
				object{{"method", "spf"}, {"result", "pass"}, {"reason", ""}, {"emailIdentities", object{
					{"smtp.mailfrom", m.from}, {"smtp.mailfromHashed", hashed(random, m.from)[0]},
				}}},
				object{{"method", "dkim"}, {"result", "pass"}, {"reason", ""}, {"propspec", object{
					{"header.d", domain}, {"header.s", "selector1"},
				}}},
			}},
			{"alignment", list{object{{"fromDomain", domain}, {"results", list{
				object{{"result", "strict"}, {"method", "spf"}, {"identity", domain}, {"identityOrg", domain}},
				object{{"result", "strict"}, {"method", "dkim"}, {"identity", domain}, {"identityOrg", domain}},
			}}}}},
		}},
		{"spf", object{{"domain", domain}, {"result", "pass"}}},
		{"spam", object{
			{"langs", []string{"en", "pt", "es"}}, {"charsets", []string{"UTF-8"}},
			{"version", object{{"engine", "8.21.0-2305020000"}, {"definitions", "main-2306010092"}}},
			{"scores", object{{"overall", spam}, {"engine", spam}, {"classifiers", object{
				{"adult", 0}, {"bulk", random.IntN(100)}, {"impostor", 0}, {"lowpriority", random.IntN(100)}, {"malware", 0},
				{"mlx", random.IntN(100)}, {"mlxlog", random.IntN(1000)}, {"phish", 0}, {"spam", spam}, {"suspect", random.IntN(10)},
			}}}},
		}},
		{"urldefense", object{{"counts", object{{"total", random.IntN(20)}, {"unique", random.IntN(10)}, {"rewritten", 0}}}, {"version", object{{"engine", "v3"}}}}},
		{"zerohour", object{{"score", pick(random, []string{"unknown", "0"})}}},
		{"pdr", object{{"v2", object{{"response", "pass"}, {"rscore", random.IntN(100)}}}}},
		{"sandbox", nil},
	}
}

// header is the mail's header in its three forms. Some of its texts are encoded words over several lines.
func header(m mail, random *rand.Rand) object {
	from, subject := fmt.Sprintf("%q <%s>", m.fromName, m.from), m.subject
	if random.IntN(4) == 0 {
		encode := func(s string) string { return "=?utf-8?B?" + base64.StdEncoding.EncodeToString([]byte(s)) + "?=" }
		from = fmt.Sprintf("\"%s\"\r\n <%s>", encode(m.fromName), m.from)
		subject = encode(m.subject)
	}
	fields := func(from, subject, id string) object {
		return object{
			{"from", []string{from}}, {"fromHashed", hashed(random, m.from)},
			{"to", m.rcpts}, {"toHashed", hashed(random, m.rcpts...)},
			{"return-path", []string{m.from}}, {"return-pathHashed", hashed(random, m.from)},
			{"subject", []string{subject}}, {"message-id", []string{id}},
		}
	}
	return object{
		{"header", fields(from, subject, m.messageID)},
		{"normalizedHeader", fields(fmt.Sprintf("%q <%s>", m.fromName, m.from), m.subject, strings.Trim(m.messageID, "<>"))},
		{"parsedAddresses", object{
			{"from", []string{m.from}}, {"fromHashed", hashed(random, m.from)}, {"fromDisplayNames", []string{m.fromName}},
			{"to", m.rcpts}, {"toHashed", hashed(random, m.rcpts...)},
		}},
		{"lang", pick(random, []string{"en", "de", "ja", ""})},
		{"sizeBytes", m.size - 500},
	}
}

// parts are the parts of the mail: a text, and often something attached. One mail in largeShare has a large one.
func parts(random *rand.Rand) list {
	html := part(random, 0, "text.html", "HTML", "text/html", 40)
	html = append(html, member{"metadata", oddMetadata(random)}, member{"urls", urls(random, int(random.ExpFloat64()*8))})
	all := list{html}
	if random.IntN(3) == 0 {
		image := part(random, 1, "image-png.png", "PNG", "image/png", 300)
		all = append(all, append(image, member{"metadata", object{}}, member{"urls", list{}}))
	}
	if random.IntN(largeShare) == 0 {
		n := 80_000 + random.IntN(150_000)
		large := part(random, 2, "report.pdf", "PDF", "application/pdf", n/2)
		all = append(all, append(large, member{"metadata", object{}}, member{"urls", urls(random, n/400)}))
	}
	return all
}

// part is what every part of a mail has, with size bytes of its content.
func part(random *rand.Rand, n int, name, ext, mime string, size int) object {
	decoded := 500 + int(random.ExpFloat64()*30_000)
	return object{
		{"structureId", fmt.Sprint(n)}, {"disposition", "inline"}, {"md5", hexText(random, 16)}, {"sha256", hexText(random, 32)},
		{"detectedName", name}, {"detectedExt", ext}, {"detectedMime", mime}, {"detectedCharset", "utf-8"},
		{"detectedSizeBytes", decoded}, {"labeledName", name}, {"labeledExt", strings.ToLower(ext)}, {"labeledMime", mime},
		{"labeledCharset", "utf-8"}, {"isArchive", false}, {"isVirtual", false}, {"isCorrupted", false},
		{"isDeleted", false}, {"isProtected", false}, {"isTimedOut", false}, {"sizeDecodedBytes", decoded},
		{"textExtracted", text64(random, 24, base64.StdEncoding) + "\n"},
		{"dataBase64", text64(random, size, base64.StdEncoding) + "\n"},
	}
}

// urls are n links, as the filter finds them in a part.
func urls(random *rand.Rand, n int) list {
	all := make(list, n)
	for i := range all {
		all[i] = object{
			{"url", fmt.Sprintf("https://%s/%s?id=%s&x=1", pick(random, domains), pick(random, words), letters(random, 24))},
			{"src", []string{"filter"}},
		}
	}
	return all
}

// oddMetadata is what HTML authors put into meta elements: keys that are empty, blank or full of punctuation, and
// values of mixed types.
func oddMetadata(random *rand.Rand) object {
	odd := object{
		{"viewport", "width=device-width, initial-scale=1"},
		{"x-ua-compatible", "IE=edge"},
		{"format-detection", list{"telephone=no", 0, nil}},
		{"og:title", sentence(random, 4)},
		{"generator", 15},
		{"a.b.c", object{}},
		{"", ""},
		{"   ", pick(random, words)},
		{"author", nil},
	}
	random.Shuffle(len(odd), func(i, j int) { odd[i], odd[j] = odd[j], odd[i] })
	return odd[:random.IntN(len(odd))]
}
