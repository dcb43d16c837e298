package web_test

import (
	"net/http/httptest"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/web"
)

func asked(query string) echo.Context {
	return echo.New().NewContext(httptest.NewRequest("GET", "/"+query, nil), httptest.NewRecorder())
}

func TestAFlagIsTrueFalseOrRefused(t *testing.T) {
	for query, want := range map[string]bool{"": false, "?other=true": false, "?dry_run=true": true, "?dry_run=TRUE": true, "?dry_run=1": true, "?dry_run=false": false, "?dry_run=0": false} {
		if got, err := web.Flag(asked(query), "dry_run"); err != nil || got != want {
			t.Errorf("%s: %v, %v", query, got, err)
		}
	}
	for _, query := range []string{"?dry_run", "?dry_run=", "?dry_run=yes", "?dry_run=truee"} {
		if got, err := web.Flag(asked(query), "dry_run"); !fault.Is(err, fault.Invalid) || got {
			t.Errorf("%s: %v, %v", query, got, err)
		}
	}
}

func TestAChoiceIsOneOfThoseThereAre(t *testing.T) {
	for query, want := range map[string]string{"": "", "?state=": "", "?state=draft": "draft"} {
		if got, err := web.Choice(asked(query), "state", "draft", "paused"); err != nil || got != want {
			t.Errorf("%s: %v, %v", query, got, err)
		}
	}
	if got, err := web.Choice(asked("?state=drafts"), "state", "draft", "paused"); !fault.Is(err, fault.Invalid) || got != "" {
		t.Errorf("%v, %v", got, err)
	}
}
