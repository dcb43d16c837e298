package hub

import "fmt"

// checklist is what stands between a fresh installation of Usher and the first
// notification; nil once one was sent. base is Usher's address as the browser knows it.
func checklist(base string, apps []App, credentials []Credential, registered, sent bool) []todo {
	if len(apps) > 0 && len(credentials) > 0 && registered && sent {
		return nil
	}
	app := "festival"
	if len(apps) > 0 {
		app = apps[0].ID
	}
	return []todo{
		{
			Done: len(apps) > 0, What: "Make an app",
			Why: "An app is what people install: its language, time zone and quiet hours hold for every phone that states none.",
			Examples: []example{{"Make an app", curl("POST", base+"/v1/apps",
				`{"id": "`+app+`", "name": "Summer Festival", "locale": "de", "zone": "Europe/Berlin"}`)}},
		},
		{
			Done: len(credentials) > 0, What: "Add a push credential",
			Why: "Browsers need only a contact address: Usher makes the key. Apple and Google want a key of yours.",
			Examples: []example{
				{"Browsers (Web Push)", curl("PUT", base+"/v1/apps/"+app+"/credentials/webpush", `{"subject": "mailto:push@example.org"}`)},
				{"iPhones (APNs)", `jq -n --rawfile key AuthKey_ABC1234567.p8 \
  '{key_pem: $key, key_id: "ABC1234567", team_id: "DEF1234567", topic: "org.example.festival"}' |
` + curlFrom("PUT", base+"/v1/apps/"+app+"/credentials/apns")},
				{"Android (FCM)", `jq '{service_account: .}' service-account.json |
` + curlFrom("PUT", base+"/v1/apps/"+app+"/credentials/fcm")},
			},
		},
		{
			Done: registered, What: "Register an installation",
			Why: "Your app does this at each start, with the handle its push service gave it.",
			Examples: []example{{"Register a phone", curl("PUT", base+"/v1/installations/my-first-phone",
				fmt.Sprintf(`{"app": %q, "kind": "fcm_token", "handle": "the token Firebase gave the app", "locale": "de", "tags": ["lineup"]}`, app))}},
		},
		{
			Done: sent, What: "Send the first notification",
			Why: "Write it here, look at it as each phone will show it, then send it.",
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
