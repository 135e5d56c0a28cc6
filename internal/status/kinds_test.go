package status

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/sourcehealth"
)

var update = flag.Bool("update", false, "write the table of docs/troubles.md")

const (
	troubles = "../../docs/troubles.md"
	readme   = "../../README.md"
)

func TestKinds_areComplete(t *testing.T) {
	for k, e := range entries() {
		require.NotEmpty(t, e.label, "kind %d has no entry", k)
		t.Run(e.label, func(t *testing.T) {
			assert.Contains(t, []sourcehealth.ErrorType{config, generic, ours}, e.errorType, "errorType")
			assert.Contains(t, []string{severe, warning}, e.severity, "severity")
			assert.Contains(t, sourcehealth.Subjects(), e.subject, "subject")
			assert.NotEmpty(t, e.means, "means")
			assert.NotEmpty(t, e.advice, "advice")
			assert.False(t, e.newTokenHelps && e.errorType != config, "only a refusal waits for another token")
		})
	}
}

// Each kind is what some fault is made of, and no word in braces is left in a text.
func TestKinds_becomeFaults(t *testing.T) {
	err, now, other := errors.New("the cause"), time.Now(), fmt.Errorf("%w: NTLM", podlog.ErrOtherLogin)
	faults := map[kind][]sourcehealth.Fault{
		noToken: {NoToken()}, authenticatorFails: {AuthenticatorFails(err)},
		pipelineRefuses: {PipelineRefuses(err)}, pipelineRefusesAll: {PipelineRefusesAll(err)},
		pipelineBlocks: {PipelineBlocks(time.Minute)}, pipelineDiscards: {PipelineRejects("guid a", err)},
		storageFails:  {StorageFails(err)},
		backfillFails: {BackfillFails(NoToken()), BackfillFails(PipelineRefuses(err))},
		notTheArchive: {NotTheArchive(err)}, secondTokenNeeded: {SecondTokenNeeded("an hour is too large")},
		gapsOpen: {gapsOpenFault(1, now, true)}, gapsKept: {gapsOpenFault(1, now, false)},
		gapUnrecoverable: {GapUnrecoverable(now, now)}, gapsUnrecoverable: {GapsUnrecoverable(2, now, now)},
		recordsUnrecoverable: {RecordsUnrecoverable(2)},
		recordsInvalid:       {RecordsInvalid()}, recordsTruncated: {RecordsTruncated()}, recordsTooLargeForMap: {RecordsTooLargeForMap()},
		clockDiffers: {clockFault(time.Hour), clockFault(-time.Hour)},
	}
	add := func(k kind, fault sourcehealth.Fault) { faults[k] = append(faults[k], fault) }
	for _, e := range []podlog.Error{
		{Reason: podlog.ReasonDNS},
		{Reason: podlog.ReasonDial},
		{Reason: podlog.ReasonProxy},
		{Reason: podlog.ReasonProxy, Status: 502},
		{Reason: podlog.ReasonProxyAuth},
		{Reason: podlog.ReasonProxyAuth, Status: 407},
		{Reason: podlog.ReasonProxyAuth, Status: 407, Err: other},
		{Reason: podlog.ReasonTLS},
		{Reason: podlog.ReasonCertificate},
		{Reason: podlog.ReasonClientCertificate},
		{Reason: podlog.ReasonNoClientCertificate},
		{Reason: podlog.ReasonTimeout},
		{Reason: podlog.ReasonHandshake},
		{Reason: podlog.ReasonClosed, CloseCode: 1001},
		{Reason: podlog.ReasonDropped},
		{Reason: podlog.ReasonSilent},
		{Reason: podlog.ReasonProtocol},
	} {
		add(kindOfError(&e), SessionFault(&e, FromConfig("api_secret")))
	}
	for status := 100; status < 600; status++ {
		e := podlog.Error{Reason: podlog.ReasonStatus, Status: status, Verified: true}
		add(kindOfError(&e), SessionFault(&e, FromConfig("api_secret")))
	}
	add(archiveRefusesHour, ArchiveFault(&podlog.Error{Reason: podlog.ReasonStatus, Status: 400, Verified: true}, FromConfig("api_secret")))
	for _, label := range []string{"token_expires_14d", "token_expires_7d", "token_expires_1d"} {
		add(tokenExpires, tokenFault(LiveToken, lifetime{origin: FromConfig("api_secret")}, label))
	}
	add(tokenExpired, tokenFault(LiveToken, lifetime{origin: FromExtension("bearertokenauth")}, labelExpired))

	for k, e := range entries() {
		t.Run(e.label, func(t *testing.T) {
			require.NotEmpty(t, faults[kind(k)], "no fault is of kind %d", k)
			for _, fault := range faults[kind(k)] {
				assert.Regexp(t, labelPattern(e.label), fault.Label)
				assert.Equal(t, e.subject, fault.Subject)
				assert.Equal(t, e.severity, fault.Severity)
				if kind(k) != backfillFails { // has the type of its cause
					assert.Equal(t, e.errorType, fault.Type)
				}
				assert.NotContains(t, fault.Text(), "{")
				assert.NotContains(t, fault.Text(), "}")
			}
		})
	}
}

// labelPattern matches the labels of an entry.
func labelPattern(labels string) *regexp.Regexp {
	pattern := strings.NewReplacer(", ", "|", "N", "[0-9]", "*", ".*").Replace(labels)
	return regexp.MustCompile("^(" + pattern + ")$")
}

// The table of the document is written from the entries: go test ./internal/status -run TestKinds_areDocumented -update.
func TestKinds_areDocumented(t *testing.T) {
	const begin, end = "<!-- begin of the table, written from internal/status/kinds.go -->\n", "<!-- end of the table -->"
	text, err := os.ReadFile(troubles)
	require.NoError(t, err)
	before, rest, hasBegin := strings.Cut(string(text), begin)
	table, after, hasEnd := strings.Cut(rest, end)
	require.True(t, hasBegin && hasEnd, "%s has no place for the table", troubles)
	want := document()
	if *update {
		require.NoError(t, os.WriteFile(troubles, []byte(before+begin+want+end+after), 0o600))
		return
	}
	assert.Equal(t, want, table, "docs/troubles.md differs from internal/status/kinds.go: run this test with -update")
}

// document returns the table of all kinds, by subject.
func document() string {
	varies := regexp.MustCompile(`\{\w+\}`)
	cell := func(text string) string {
		text = strings.NewReplacer("{token}", "the token", "{use}", "put it in its place").Replace(text)
		return varies.ReplaceAllString(text, "…")
	}
	var b strings.Builder
	for _, subject := range sourcehealth.Subjects() {
		if subject == sourcehealth.ArchiveToken { // has the kinds of LiveToken
			continue
		}
		fmt.Fprintf(&b, "\n## `%s`\n\nThe event that resolves it says: %s.\n\n", subject, ruleOf(subject).ends)
		b.WriteString("| error | type | severity | means | what to do |\n|---|---|---|---|---|\n")
		for _, e := range entries() {
			if e.subject != subject {
				continue
			}
			means := e.means
			if e.outlook != "" {
				means += ". " + e.outlook
			}
			fmt.Fprintf(&b, "| `%s` | `%s` | %s | %s | %s |\n",
				strings.ReplaceAll(e.label, ", ", "`, `"), e.errorType, e.severity, cell(means), cell(e.advice))
		}
	}
	b.WriteByte('\n')
	return b.String()
}

// The README has a row for each subject, and no error that no kind has.
func TestKinds_areThoseOfTheReadme(t *testing.T) {
	text, err := os.ReadFile(readme)
	require.NoError(t, err)
	var subjects []string
	for _, row := range rows(t, string(text), "| `trackerId` ends with |") {
		subjects = append(subjects, row...)
	}
	var want []string
	for _, subject := range sourcehealth.Subjects() {
		want = append(want, string(subject))
	}
	assert.ElementsMatch(t, want, subjects, "the README's table of trackers")

	var labels []string
	for _, e := range entries() {
		labels = append(labels, e.label)
	}
	for _, row := range rows(t, string(text), "| error | what to do |") {
		for _, label := range row {
			if strings.Contains(label, " ") { // a log line
				continue
			}
			known := slices.ContainsFunc(labels, func(l string) bool { return labelPattern(l).MatchString(label) })
			assert.True(t, known || regexp.MustCompile(`^gaps\.`).MatchString(label), "the README names the error %s, which is no kind of trouble", label)
		}
	}
}

// rows returns the names in backquotes in the first cell of each row of the table with a header.
func rows(t *testing.T, text, header string) [][]string {
	t.Helper()
	_, table, found := strings.Cut(text, "\n"+header)
	require.True(t, found, "no table %s", header)
	table, _, _ = strings.Cut(table, "\n\n")
	var all [][]string
	for _, line := range strings.Split(table, "\n")[2:] {
		first, _, _ := strings.Cut(strings.TrimPrefix(line, "|"), "|")
		var names []string
		for _, match := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(first, -1) {
			names = append(names, match[1])
		}
		all = append(all, names)
	}
	return all
}
