package identity

import (
	"testing"
	"time"

	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/web"
	"github.com/usherhq/usher/modules/kernel/webtest"
)

// TestGoldenPages draws the main states of the pages from fixed data. To accept
// a change: go test ./modules/identity -run Golden -update
func TestGoldenPages(t *testing.T) { webtest.Golden(t, "identity", goldenPages(t)) }

var (
	goldenNow   = time.Date(2026, 7, 10, 12, 0, 0, 0, time.UTC)
	goldenID    = id.ID{0x01, 0x98, 0x0c, 15: 7}
	goldenOwner = viewer{ID: goldenID.String(), Role: RoleOwner, Team: true, Owner: true}
	goldenWrong = &wrong{Message: "there is a living key of this name", Fix: "choose another <name>"}
)

// goldenPages are the views by "<page>-<state>".
func goldenPages(t *testing.T) map[string]any {
	t.Helper()
	ends := goldenNow.AddDate(0, 0, 7)
	keys := rowsOfKeys([]Key{
		{ID: goldenID, Name: "till <2>", Right: web.Send, App: "festival", Event: "summer", CreatedAt: goldenNow, UsedAt: &goldenNow,
			Secrets: []KeySecret{{"…AB12", goldenNow, nil}, {"…CD34", goldenNow, &ends}}},
		{ID: goldenID, Name: "old", Right: web.Manage, CreatedAt: goldenNow, ExpiresAt: &goldenNow},
	}, goldenNow)
	team := rowsOfPeople([]Person{{ID: goldenOwner.ID, Name: "Ana <Owner>", Email: "ana@example.org", Role: RoleOwner, SeenAt: goldenNow},
		{ID: id.Nil.String(), Role: RoleStaff}}, goldenOwner)
	found := rowsOfPeople([]Person{{ID: goldenOwner.ID, Email: "cleo@example.org", Role: RoleCustomer}}, goldenOwner)
	side, path, err := qrPicture("https://tickets.example.org/scan#0123")
	if err != nil {
		t.Fatal(err)
	}
	return map[string]any{
		"sign_in-choices": signInPage{Choices: []Choice{{"google", "Google"}, {"club", "The <club>"}}, Return: "/notifications?x=1", Promise: "accept the invite"},
		"sign_in-none":    signInPage{Return: "/"},
		"link-claim":      linkPage{Claim: true},
		"link-refused":    linkPage{Wrong: &wrong{Message: "this invite does not work, or no longer", Fix: "ask for a new one"}},
		"sessions-two": sessionsPage{Viewer: goldenOwner, Fresh: true, Choices: []Choice{{"google", "Google"}},
			Sessions: []sessionRow{{goldenID.String(), "Firefox <1>", "google", true, moment{goldenNow}, moment{goldenNow}}, {goldenID.String(), "Safari", "club", false, moment{goldenNow}, moment{goldenNow}}},
			Logins:   []loginRow{{"google", "https://accounts.example", "7", "Ana", moment{goldenNow}}, {"club", "https://club.example", "a<b", "", moment{goldenNow}}}},
		"data-mine":     dataPage{Viewer: viewer{Role: RoleCustomer}, Person: Person{ID: goldenOwner.ID, Name: "Cleo", Role: RoleCustomer}, Since: moment{goldenNow}},
		"data-gone":     dataPage{Gone: true},
		"people-owner":  peoplePage{Viewer: goldenOwner, Team: team, Found: found, Search: "cl", Roles: invited, Link: "https://tickets.example.org/invite#x", For: RoleStaff, Invites: []inviteRow{{goldenID.String(), RoleAdmin, "person:1", moment{ends}}}},
		"people-admin":  peoplePage{Viewer: viewer{Role: RoleAdmin, Team: true}, Team: team, Found: found, Search: "cl"},
		"keys-none":     keysPage{Viewer: goldenOwner, Rights: machineRights, Form: keyForm{Right: web.Listen}},
		"keys-made":     keysPage{Viewer: goldenOwner, Rights: machineRights, Keys: keys, Form: keyForm{Right: web.Listen}, Secret: "usher_SECRET", Of: "till <2>"},
		"keys-wrong":    keysPage{Viewer: goldenOwner, Rights: machineRights, Keys: keys, Form: keyForm{Name: "till <2>", App: "festival", Days: "x", Right: web.Send}, Wrong: goldenWrong},
		"scanners-none": scannersPage{Viewer: goldenOwner},
		"scanners-code": scannersPage{Viewer: goldenOwner, Scanners: keys[:1], Code: &Enrolment{Code: "0123", Name: "Gate <A>", Event: "summer"}, For: "Summer <fest>", Events: []doorEvent{{goldenID.String(), "summer", "Summer <fest>"}, {"7", "fall", "Fall"}}, Form: ScannerDraft{Event: goldenID.String()}, Ends: moment{ends}, Picture: picture{side, path}},
		"audit-good":    auditPage{Viewer: goldenOwner, Filter: AuditFilter{Actor: "key:<x>"}, Rows: []auditRow{{7, moment{goldenNow}, "person:1", "key.created", "key:2", `{"name":"<b>"}`}}, Older: "/audit?before=7", File: "/audit.ndjson?", Check: &AuditCheck{Entries: 7, Head: Digest{1, 2}}},
		"audit-bad":     auditPage{Viewer: goldenOwner, File: "/audit.ndjson?", Check: &AuditCheck{Entries: 3, Bad: 4, Why: "it is missing"}},
	}
}

func TestEveryTemplateIsTried(t *testing.T) { webtest.Tried(t, "identity", goldenPages(t)) }
