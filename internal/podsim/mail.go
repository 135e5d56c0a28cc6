package podsim

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strings"
)

// mail is what one mail tells in its message record and in its maillog records, which join by qid.
type mail struct {
	qid       string
	agent     string
	from      string
	fromName  string
	rcpts     []string
	messageID string
	subject   string
	size      int
	ip        string
	host      string
	outbound  bool
}

// mail is the k-th mail.
func (g *generator) mail(k uint64) mail {
	random := g.random(mailStream, k)
	first, last := pick(random, firstNames), pick(random, lastNames)
	domain := pick(random, domains)
	m := mail{
		qid:      fmt.Sprintf("%s%06d", letters(random, 8), k%1_000_000),
		agent:    fmt.Sprintf("m%07d.ppops.net", 1000+random.IntN(4)),
		from:     strings.ToLower(first+"."+last) + "@" + domain,
		fromName: last + ", " + first,
		subject:  sentence(random, 3+random.IntN(6)),
		size:     2_000 + int(random.ExpFloat64()*60_000),
		ip:       fmt.Sprintf("198.51.100.%d", random.IntN(256)),
		host:     fmt.Sprintf("mail-%s.%s", letters(random, 6), domain),
		outbound: random.IntN(4) == 0,
	}
	m.messageID = fmt.Sprintf("<%s@%s>", text64(random, 18, base64.RawURLEncoding), m.host)
	for range 1 + int(random.ExpFloat64()*0.5) {
		m.rcpts = append(m.rcpts, strings.ToLower(pick(random, firstNames)+"."+pick(random, lastNames))+"@example.com")
	}
	return m
}

// hashed are addresses whose local parts are hashes, as the records have beside each address.
func hashed(random *rand.Rand, addresses ...string) []string {
	all := make([]string, len(addresses))
	for i, a := range addresses {
		_, domain, _ := strings.Cut(a, "@")
		all[i] = hexText(random, 16) + "@" + domain
	}
	return all
}

// pick takes one of several.
func pick(random *rand.Rand, of []string) string { return of[random.IntN(len(of))] }

// sentence is n words, the first with a capital.
func sentence(random *rand.Rand, n int) string {
	all := make([]string, n)
	for i := range all {
		all[i] = pick(random, words)
	}
	s := strings.Join(all, " ")
	return strings.ToUpper(s[:1]) + s[1:]
}

// letters is n letters and digits.
func letters(random *rand.Rand, n int) string {
	const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[random.IntN(len(alphabet))]
	}
	return string(b)
}

// noise is n random bytes.
func noise(random *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := 0; i < n; i += 8 {
		for j, v := i, random.Uint64(); j < min(i+8, n); j, v = j+1, v>>8 {
			b[j] = byte(v)
		}
	}
	return b
}

// hexText is n random bytes in hexadecimal.
func hexText(random *rand.Rand, n int) string { return hex.EncodeToString(noise(random, n)) }

// text64 is n random bytes in a base64.
func text64(random *rand.Rand, n int, encoding *base64.Encoding) string {
	return encoding.EncodeToString(noise(random, n))
}

var (
	firstNames = []string{"Ada", "Bruno", "Chiara", "David", "Elif", "Farid", "Grace", "Hana", "Ivan", "Jürgen", "Kofi", "Lucía"}
	lastNames  = []string{"Abel", "Brown", "Costa", "Diaz", "Evans", "Fischer", "Garcia", "Hopper", "Ito", "Jensen", "Kim", "Lovelace"}
	domains    = []string{"example.com", "example.net", "example.org", "mail.example.com", "news.example.net", "shop.example.org"}
	words      = []string{
		"account", "agenda", "budget", "café", "contract", "delivery", "draft", "for", "invoice", "meeting", "minutes",
		"monthly", "new", "notes", "offer", "order", "please", "project", "quarterly", "reminder", "report", "review",
		"schedule", "status", "team", "the", "ticket", "update", "weekly", "your",
	}
)
