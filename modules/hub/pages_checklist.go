package hub

import (
	"fmt"

	"github.com/usherhq/usher/modules/kernel/web"
)

// checklist is what stands between a fresh installation of Usher and the first
// notification. base is Usher's address as the browser knows it.
func checklist(base string, apps []App, credentials []Credential, registered, sent bool) []web.Step {
	app := "festival"
	if len(apps) > 0 {
		app = apps[0].ID
	}
	return []web.Step{
		{
			Done: len(apps) > 0, What: web.T("Make an app"),
			Why: web.T("An app is what people install: its language, time zone and quiet hours hold for every phone that states none."),
			Examples: []web.Example{{Label: web.T("Make an app"), Command: curl("POST", base+"/v1/apps",
				`{"id": "`+app+`", "name": "Summer Festival", "locale": "de", "zone": "Europe/Berlin"}`)}},
		},
		{
			Done: len(credentials) > 0, What: web.T("Add a push credential"),
			Why: web.T("Browsers need only a contact address: Usher makes the key. Apple and Google want a key of yours."),
			Examples: []web.Example{
				{Label: web.T("Browsers (Web Push)"), Command: curl("PUT", base+"/v1/apps/"+app+"/credentials/webpush", `{"subject": "mailto:push@example.org"}`)},
				{Label: web.T("iPhones (APNs)"), Command: `jq -n --rawfile key AuthKey_ABC1234567.p8 \
  '{key_pem: $key, key_id: "ABC1234567", team_id: "DEF1234567", topic: "org.example.festival"}' |
` + curlFrom("PUT", base+"/v1/apps/"+app+"/credentials/apns")},
				{Label: web.T("Android (FCM)"), Command: `jq '{service_account: .}' service-account.json |
` + curlFrom("PUT", base+"/v1/apps/"+app+"/credentials/fcm")},
			},
		},
		{
			Done: registered, What: web.T("Register an installation"),
			Why: web.T("Your app does this at each start, with the handle its push service gave it."),
			Examples: []web.Example{{Label: web.T("Register a phone"), Command: curl("PUT", base+"/v1/installations/my-first-phone",
				fmt.Sprintf(`{"app": %q, "kind": "fcm_token", "handle": "the token Firebase gave the app", "locale": "de", "tags": ["lineup"]}`, app))}},
		},
		{
			Done: sent, What: web.T("Send the first notification"),
			Why: web.T("Write it here, look at it as each phone will show it, then send it."), Link: "/notifications/new",
		},
	}
}

// curl is a command line for a POSIX shell; $USHER_KEY is the caller's key.
func curl(method, url, body string) string {
	return fmt.Sprintf("curl -X %s %s \\\n  -H \"Authorization: Bearer $USHER_KEY\" -H 'Content-Type: application/json' \\\n  -d '%s'", method, url, body)
}

// curlFrom sends what it reads.
func curlFrom(method, url string) string {
	return fmt.Sprintf("curl -X %s %s \\\n  -H \"Authorization: Bearer $USHER_KEY\" -H 'Content-Type: application/json' \\\n  -d @-", method, url)
}
