package podsim

import (
	"fmt"
	"strings"
	"time"
)

// audit makes the k-th record of the administration portal.
func (g *generator) audit(k uint64, now time.Time) []byte {
	random := g.random(auditStream, k)
	id := noise(random, 16)
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80 // a random UUID, RFC 9562
	name := strings.ToLower(pick(random, firstNames))
	kind := pick(random, []string{"policy-route", "quarantine-folder", "user", "smtp-profile", "spam-rule"})
	return appendJSON(nil, object{
		{"guid", fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])},
		{"ts", agentTime(now, 200*time.Millisecond, random).UTC().Format(tsLayout)},
		{"audit", object{
			{"action", pick(random, []string{"create", "update", "delete", "login", "release"})},
			{"level", pick(random, []string{"INFO", "WARN"})},
			{"resourceType", kind},
			{"resourceName", kind + "-" + letters(random, 6)},
			{"tags", list{
				object{{"name", "before"}, {"value", sentence(random, 3)}},
				object{{"name", "after"}, {"value", sentence(random, 3)}},
			}},
			{"user", object{
				{"id", hexText(random, 12)},
				{"email", name + "@example.com"},
				{"ipAddress", fmt.Sprintf("192.0.2.%d", random.IntN(256))},
			}},
		}},
		{"metadata", g.origin("portal.ppops.net")},
	}, random)
}
