package podsim

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// maillogLine is one line of sendmail: what follows the qid, and its parsed form.
type maillogLine struct {
	agent string
	qid   string
	text  string
	sm    any
	tls   any
}

// maillog makes the next record. Call it with mu held.
func (g *generator) maillog(now time.Time) []byte {
	if len(g.lines) == 0 {
		g.lines = maillogLines(g.mail(g.mails), g.random(maillogStream, 2*g.mails))
		g.mails++
	}
	line := g.lines[0]
	g.lines = g.lines[1:]
	// Each line of a mail has its own numbers: no mail has 2^20 of them.
	random := g.random(maillogStream, 2*(g.mails<<20+uint64(len(g.lines)))+1)
	at := agentTime(now, 50*time.Millisecond, random)
	host, _, _ := strings.Cut(line.agent, ".")
	record := object{
		{"id", text64(random, 16, base64.RawStdEncoding)},
		{"ts", at.Format(tsLayout)},
		{"data", fmt.Sprintf("%s %s sendmail[%d]: %s: %s", at.Format(lineLayout), host, 1000+random.IntN(30000), line.qid, line.text)},
		{"sm", line.sm},
		{"metadata", object{{"origin", object{{"data", object{{"agent", line.agent}, {"cid", g.cluster}}}}}}},
	}
	if line.tls != nil || random.IntN(20) == 0 {
		record = append(record, member{"tls", line.tls})
	}
	if random.IntN(3) == 0 {
		record = append(record, member{"pps", object{{"agent", line.agent}, {"cid", g.cluster}}})
	}
	return appendJSON(nil, record, random)
}

// maillogLines are the lines of one mail: it comes in, goes out to each recipient, and now and then something else.
func maillogLines(m mail, random *rand.Rand) []maillogLine {
	line := func(text string, sm, tls any) maillogLine {
		return maillogLine{agent: m.agent, qid: m.qid, text: text, sm: sm, tls: tls}
	}
	relay := m.host + " [" + m.ip + "]"
	lines := []maillogLine{line(
		fmt.Sprintf("from=<%s>, size=%d, class=0, nrcpts=%d, msgid=%s, proto=ESMTP, daemon=MTA, tls_verify=NONE, auth=NONE, relay=%s",
			m.from, m.size, len(m.rcpts), m.messageID, relay),
		object{
			{"qid", m.qid}, {"from", "<" + m.from + ">"}, {"sizeBytes", strconv.Itoa(m.size)}, {"class", "0"},
			{"nrcpts", strconv.Itoa(len(m.rcpts))}, {"msgid", m.messageID}, {"proto", "ESMTP"}, {"daemon", "MTA"},
			{"auth", "NONE"}, {"relay", relay}, {"tls", object{{"verify", "NONE"}}},
		}, nil)}
	for _, rcpt := range m.rcpts {
		lines = append(lines, delivery(m, rcpt, random))
	}
	if random.IntN(50) == 0 {
		lines = append(lines, line("SYSERR(root): collect: I/O error on connection from "+m.host, nil, nil))
	}
	return lines
}

// delivery is the line of a mail that goes out.
func delivery(m mail, rcpt string, random *rand.Rand) maillogLine {
	relay := fmt.Sprintf("mx.example.net. [203.0.113.%d]", random.IntN(256))
	delay := fmt.Sprintf("00:00:%02d", random.IntN(10))
	pri := strconv.Itoa(m.size + 30_000*len(m.rcpts))
	answer := fmt.Sprintf("Sent (%s [InternalId=%d, Hostname=mbx%d] %d bytes in 0.%03d, %d.%03d KB/sec Queued)",
		m.messageID, random.IntN(1<<40), random.IntN(100), m.size+5_000, 50+random.IntN(900), 10+random.IntN(900), random.IntN(1000))
	stat, _, _ := strings.Cut(answer, "=") // the real parser stops there
	var cipher any
	if random.IntN(8) == 0 {
		cipher = object{{"verify", "OK"}, {"version", "TLSv1.2"}, {"cipher", "ECDHE-RSA-AES256-GCM-SHA384"}}
	}
	return maillogLine{
		agent: m.agent,
		qid:   m.qid,
		text: fmt.Sprintf("to=<%s>, delay=%s, xdelay=%s, mailer=esmtp, tls_verify=OK, pri=%s, relay=%s, dsn=2.0.0, stat=%s",
			rcpt, delay, delay, pri, relay, answer),
		sm: object{
			{"qid", m.qid}, {"to", []string{"<" + rcpt + ">"}}, {"delay", delay}, {"xdelay", delay}, {"mailer", "esmtp"},
			{"pri", pri}, {"relay", relay}, {"dsn", "2.0.0"}, {"stat", stat}, {"tls", object{{"verify", "OK"}}},
		},
		tls: cipher,
	}
}
