package azure

import (
	"strings"
	"testing"

	"github.com/usherhq/usher/modules/kernel/fault"
)

func TestParseXMLRefusesWhatIsUnsound(t *testing.T) {
	for name, doc := range map[string]string{
		"nothing":           "",
		"text":              "hello",
		"cut":               "<entry><content>",
		"two roots":         "<a/><b/>",
		"a document type":   `<!DOCTYPE a [<!ENTITY x "y">]><a/>`,
		"an unknown entity": "<a>&x;</a>",
		"an external one":   `<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>`,
		"too deep":          strings.Repeat("<a>", maxDepth+1) + strings.Repeat("</a>", maxDepth+1),
		"too many":          "<a>" + strings.Repeat("<b/>", maxNodes) + "</a>",
		"another encoding":  `<?xml version="1.0" encoding="latin1"?><a/>`,
		"a bad byte":        "<a>\xff</a>",
	} {
		if e, err := parseXML([]byte(doc)); !fault.Is(err, fault.Invalid) || fault.Message(err) == "" {
			t.Errorf("%s: %v %v", name, e, err)
		}
	}
}

func TestParseXMLReadsWhatClientsWrite(t *testing.T) {
	e, err := parseXML([]byte(`<?xml version="1.0" encoding="utf-16"?><entry xmlns="a" xmlns:i="b"><content><XDescription>
		<Tags> a,b </Tags><Gone i:nil="true"/><Body><![CDATA[{"a":"<&>"}]]></Body></XDescription></content></entry>`))
	if err != nil {
		t.Fatal(err)
	}
	d := e.inside("Description")
	if d.value("Tags") != "a,b" || d.kid("Gone") != nil || d.value("Body") != `{"a":"<&>"}` || d.value("None") != "" {
		t.Errorf("%+v", d)
	}
	var out document
	out.open("x", "a", `"<`)
	out.put("y", `<&>"`)
	out.close("x")
	again, err := parseXML([]byte(out.String()))
	if err != nil || again.value("y") != `<&>"` {
		t.Errorf("%s: %v", out.String(), err)
	}
}

func FuzzParseXML(f *testing.F) {
	f.Add([]byte(`<entry xmlns="http://www.w3.org/2005/Atom"><content type="application/xml"><AppleTemplateRegistrationDescription><Tags>a</Tags><DeviceToken>` +
		strings.Repeat("ab", 32) + `</DeviceToken><BodyTemplate><![CDATA[{"aps":{"alert":"$(m)"}}]]></BodyTemplate></AppleTemplateRegistrationDescription></content></entry>`))
	f.Add([]byte(`<WindowsRegistrationDescription><ChannelUri>https://x</ChannelUri></WindowsRegistrationDescription>`))
	f.Add([]byte("<a>&lt;</a>"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := readDescription(data); err != nil && !fault.Is(err, fault.Invalid) {
			t.Fatalf("%q: %v", data, err)
		}
	})
}
