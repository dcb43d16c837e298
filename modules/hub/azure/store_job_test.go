package azure

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/usherhq/usher/modules/hub"
	"github.com/usherhq/usher/modules/kernel/fault"
)

// submitted stores a job that reads /box/in.txt and writes below /box; nobody runs it.
func (d *desk) submitted(kind string) job {
	d.t.Helper()
	j := job{App: "main", Type: kind, State: jobStarted, Output: d.blobs.URL + "/box?sig=secret"}
	if kind != jobExport {
		j.Input = d.blobs.URL + "/box/in.txt?sig=secret"
	}
	d.must(d.submit(d.t.Context(), &j))
	return j
}

// registered gives every registration of main, as exports write them.
func (d *desk) registered() (lines []string) {
	d.t.Helper()
	for after, more := "", true; more; more = after != "" {
		page, next, err := d.hub.Registrations(context.Background(), hub.RegistrationQuery{App: "main", After: after, Limit: 1000})
		d.must(err)
		for _, r := range page {
			lines = append(lines, line(r))
		}
		after = next
	}
	return lines
}

// A job that was cut off does the same when it runs again: nothing twice, nothing
// missing, and its figures are those of one run.
func TestACutOffJobRunsAgain(t *testing.T) {
	const lines = 2*jobBatch + 500
	file := func(id, tag string) string {
		var b strings.Builder
		for i := range lines {
			fmt.Fprintln(&b, apple(i, strings.ReplaceAll(id, "#", fmt.Sprint(i))+"<Tags>"+tag+"</Tags>"))
		}
		return b.String()
	}
	const id = "<RegistrationId>r-#</RegistrationId>"
	old, named, nameless := file(id, "old"), file(id, "new"), file("", "new")
	reading := func(at int) func(*http.Request) int {
		return func(r *http.Request) int {
			if r.Method == http.MethodGet {
				return at
			}
			return -1
		}
	}
	writing := func(file string) func(*http.Request) int {
		return func(r *http.Request) int {
			if r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, file) {
				return 0
			}
			return -1
		}
	}
	for _, c := range []struct {
		name, kind, before, in string
		cut                    func(*http.Request) int
		left                   int    // registrations at the end
		tag                    string // each has
	}{
		{"create, while it reads", jobCreate, "", named, reading(len(named) / 2), lines, "new"},
		{"create without ids, while it reads", jobCreate, "", nameless, reading(len(nameless) / 2), lines, "new"},
		{"create, while it writes", jobCreate, "", named, writing(outputFile), lines, "new"},
		{"create without ids, while it writes", jobCreate, "", nameless, writing(failedFile), lines, "new"},
		{"update", jobUpdate, old, named, reading(len(named) / 2), lines, "new"},
		{"upsert without ids", jobUpsert, "", nameless, reading(len(nameless) / 2), lines, "new"},
		{"delete", jobDelete, old, old, reading(len(old) / 2), 0, ""},
		{"export", jobExport, old, "", writing(outputFile), lines, "old"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDesk(t)
			if c.before != "" {
				_, err := d.intake(t.Context(), "main", 1, []byte(c.before))
				d.must(err)
			}
			d.blobs.put("/box/in.txt", c.in+apple(0, "<RegistrationId>bad id!</RegistrationId>")+"\n")
			j := d.submitted(c.kind)
			d.blobs.cutting(c.cut)
			if err := d.runJob(t.Context(), j.ID); !fault.Retryable(err) {
				t.Fatalf("cut off, it says %v", err)
			}
			d.blobs.cutting(nil)
			half := d.registered()
			if c.before == "" && len(half) == 0 {
				t.Fatal("it was cut off before it did anything")
			}
			d.must(d.runJob(t.Context(), j.ID))
			d.must(d.runJob(t.Context(), j.ID)) // once more does nothing
			got, err := d.findJob(t.Context(), "main", j.ID)
			d.must(err)
			done, bad := int64(lines), int64(1)
			switch c.kind {
			case jobExport:
				bad = 0
			case jobDelete:
				done, bad = lines+1, 0 // an id that nothing has is nothing to delete
			}
			if got.State != jobCompleted || got.Progress != 100 || got.Done != done || got.Failed != bad {
				t.Errorf("it ended %s at %v: %d done, %d failed, %s", got.State, got.Progress, got.Done, got.Failed, got.Failure)
			}
			now := d.registered()
			handles := map[string]bool{}
			for _, l := range now {
				_, rest, _ := strings.Cut(l, "<DeviceToken>")
				handles[rest] = true
				if !strings.Contains(l, "<Tags>"+c.tag+"</Tags>") {
					t.Fatalf("%s stands as it was", l)
				}
			}
			if len(now) != c.left || len(handles) != c.left {
				t.Errorf("%d registrations of %d phones, want %d", len(now), len(handles), c.left)
			}
			output := strings.Count(d.blobs.get("/box/"+j.path(outputFile)), "\n")
			if int64(output) != got.Done || c.kind != jobExport && int64(strings.Count(d.blobs.get("/box/"+j.path(failedFile)), "\n")) != bad {
				t.Errorf("Output.txt has %d lines; Failed.txt: %s", output, d.blobs.get("/box/"+j.path(failedFile)))
			}
			if c.kind == jobCreate && !slices.Equal(half, now[:len(half)]) {
				t.Error("what the first run made, the second one changed")
			}
		})
	}
}

// The URLs of a job hold the storage's secret: the database does not show it, and a row's
// secret is of no use in another row.
func TestURLsOfJobsAreSealed(t *testing.T) {
	d := newDesk(t)
	one, two := d.submitted(jobCreate), d.submitted(jobCreate)
	var output, input []byte
	d.must(d.db.Pool().QueryRow(t.Context(), `SELECT output, input FROM hub.azure_job WHERE id = $1`, one.ID).Scan(&output, &input))
	for _, sealed := range [][]byte{output, input} {
		if bytes.Contains(sealed, []byte("secret")) || bytes.Contains(sealed, []byte("https")) {
			t.Errorf("%q stands readable", sealed)
		}
	}
	if got, err := d.findJob(t.Context(), "main", one.ID); err != nil || got.Output != one.Output || got.Input != one.Input {
		t.Errorf("%+v %v", got, err)
	}
	_, err := d.db.Pool().Exec(t.Context(), `UPDATE hub.azure_job SET output = $2 WHERE id = $1`, two.ID, output)
	d.must(err)
	if got, err := d.findJob(t.Context(), "main", two.ID); err == nil {
		t.Errorf("another row's URL opens: %s", got.Output)
	}
	if _, err := d.findJob(t.Context(), "other", one.ID); !fault.Is(err, fault.NotFound) {
		t.Errorf("another hub's job: %v", err)
	}
}

// What a job may reach: listed hosts, private ones with their port alone, no redirects.
func TestJobsReachListedHostsAlone(t *testing.T) {
	host := func(d *desk) string { return strings.TrimPrefix(d.blobs.URL, "https://") }
	d := newDesk(t)
	d.blobs.put("/box/in.txt", "")
	d.blobs.put("/elsewhere/box/in.txt", "")
	post := func(output string) reply {
		return d.as("manage", "POST", "/main/jobs", "<NotificationHubJob><Type>ExportRegistrations</Type><OutputContainerUri>"+output+"</OutputContainerUri></NotificationHubJob>")
	}
	d.want("a listed host", post(d.blobs.URL+"/box"), 201, "Started")
	d.want("another", post("https://elsewhere.example/box?sig=hidden"), 400, "may not use")
	d.want("another scheme", post("http://"+host(d)+"/box"), 400, "no https URL")
	if r := post("https://elsewhere.example/box?sig=hidden"); strings.Contains(r.body, "hidden") {
		t.Errorf("the secret is told: %s", r.body)
	}
	taking := "<NotificationHubJob><Type>ImportCreateRegistrations</Type><OutputContainerUri>" + d.blobs.URL + "/box</OutputContainerUri><ImportFileUri>https://elsewhere.example/x</ImportFileUri></NotificationHubJob>"
	d.want("an import from another", d.as("manage", "POST", "/main/jobs", taking), 400, "ImportFileUri")

	body, _, err := d.fetch(t.Context(), d.blobs.URL+"/box/in.txt")
	d.must(err)
	d.must(body.Close())
	if _, _, err := d.fetch(t.Context(), d.blobs.URL+"/elsewhere/box/in.txt"); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "302") {
		t.Errorf("a redirect: %v", err)
	}
	named := newDesk(t, func(c *Config) { c.BlobHosts = []string{"127.0.0.1", "localhost"} })
	for _, address := range []string{named.blobs.URL, strings.Replace(named.blobs.URL, "127.0.0.1", "localhost", 1)} {
		if _, _, err := named.fetch(t.Context(), address+"/box/in.txt?sig=hidden"); err == nil || !strings.Contains(err.Error(), "not at a public address") || strings.Contains(err.Error(), "hidden") {
			t.Errorf("a private address, listed without its port: %v", err)
		}
	}
}
