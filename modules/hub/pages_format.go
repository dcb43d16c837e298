package hub

import (
	"fmt"
	"html/template"
	"time"

	"golang.org/x/text/language"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/kernel/web"
)

// instant is a point in time as people read it, in UTC.
type instant struct{ time.Time }

// at is the instant of t; the zero instant for nil.
func at(t *time.Time) instant {
	if t == nil {
		return instant{}
	}
	return instant{*t}
}

// HTML is a time element: for people to the second, for programs exactly.
func (i instant) HTML() template.HTML { return i.element("2 Jan 2006, 15:04:05") }

// Minute is the same, for people to the minute: in lists.
func (i instant) Minute() template.HTML { return i.element("2 Jan 2006, 15:04") }

func (i instant) element(layout string) template.HTML {
	if i.IsZero() {
		return "–"
	}
	t := i.UTC()
	return template.HTML(`<time datetime="` + t.Format(time.RFC3339Nano) + `">` + t.Format(layout) + ` UTC</time>`) //nolint:gosec // digits and letters only
}

// share is part of whole in percent, 0 when there is no whole.
func share(part, whole int64) float64 {
	if whole <= 0 {
		return 0
	}
	return 100 * float64(part) / float64(whole)
}

// percent never claims all or nothing that is not so: 99.97 % stays below 100 %.
func percent(part, whole int64) string {
	p := share(part, whole)
	switch {
	case part <= 0 || whole <= 0:
		return "0 %"
	case part < whole && p > 99.9:
		return "> 99.9 %"
	case p < 0.1:
		return "< 0.1 %"
	case p < 10 || p > 99 && part < whole:
		return fmt.Sprintf("%.1f %%", p)
	}
	return fmt.Sprintf("%.0f %%", p)
}

// lasting is a duration of so many seconds in words.
func lasting(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	switch {
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < 2*time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min %02d s", int(d.Minutes()), int(d.Seconds())%60)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h %02d min", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}

// serviceNames are the push services as people call them.
var serviceNames = map[push.Service]string{push.APNs: "Apple (APNs)", push.FCM: "Android (FCM)", push.WebPush: "Browser (Web Push)",
	push.WNS: "Windows (WNS), stored only", push.MPNS: "Windows Phone (MPNS), stored only", push.ADM: "Amazon (ADM), stored only", push.Baidu: "Baidu, stored only"}

// serviceText is a push service by its name, among what people read.
func serviceText(s string) web.Text { return web.T(serviceName(push.Service(s))) }

func serviceName(s push.Service) string { return orElse(serviceNames[s], string(s)) }

// rightToLeft are the scripts that run so. Source: Unicode CLDR script metadata.
var rightToLeft = map[string]bool{"Arab": true, "Hebr": true, "Thaa": true, "Syrc": true, "Nkoo": true, "Adlm": true, "Rohg": true, "Samr": true, "Mand": true}

// direction is how text in a locale runs: "ltr" or "rtl".
func direction(locale string) string {
	tag, err := language.Parse(locale)
	if err != nil {
		return "ltr"
	}
	if script, _ := tag.Script(); rightToLeft[script.String()] {
		return "rtl"
	}
	return "ltr"
}

// languageName is what to call a locale.
func languageName(locale string) web.Text {
	if locale == "" || locale == language.Und.String() {
		return web.T("none stated")
	}
	return web.T("%v", web.Language(locale))
}
