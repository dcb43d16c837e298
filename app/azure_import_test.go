package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/usherhq/usher/modules/hub"
	"github.com/usherhq/usher/modules/hub/azure"
)

func exported(name, inside string) string {
	return `<` + name + `RegistrationDescription xmlns="http://schemas.microsoft.com/netservices/2010/10/servicebus/connect">` + inside + `</` + name + "RegistrationDescription>\n"
}

// An export becomes registrations and installations; what is wrong is told by line.
func TestAzureExportIsImported(t *testing.T) {
	a := newAzureHouse(t)
	var b strings.Builder
	for i := range 1200 {
		b.WriteString(exported("FcmV1", fmt.Sprintf("<RegistrationId>r-%d</RegistrationId><Tags>bulk</Tags><FcmV1RegistrationId>token-%d</FcmV1RegistrationId>", i, i)))
	}
	own := "<Tags>Fan,$InstallationId:{moved},$UserId:{ana}</Tags><DeviceToken>" + strings.Repeat("AB", 32) + "</DeviceToken>"
	b.WriteString(exported("Apple", "<RegistrationId>x-1</RegistrationId>"+own))
	b.WriteString(exported("AppleTemplate", "<RegistrationId>x-2</RegistrationId>"+own+`<BodyTemplate><![CDATA[{"aps":{"alert":"$(m)"}}]]></BodyTemplate><TemplateName>news</TemplateName>`))
	b.WriteString(`{"installationId":"json","platform":"gcm","pushChannel":"token-json","tags":["j"]}` + "\n\n")
	b.WriteString(exported("Apple", "<DeviceToken>short</DeviceToken>") + "nonsense\n" + exported("Pigeon", ""))
	file := filepath.Join(t.TempDir(), "Output.txt")
	a.must(os.WriteFile(file, []byte(b.String()), 0o600))
	out, err := a.usher("import", "azure-export", file, "--app", "festival")
	if err != nil {
		t.Fatal(out)
	}
	for _, want := range []string{"1207 lines: 1203 taken, 3 rejected", "line 1205: ", "line 1206: ", "line 1207: "} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	var in hub.Installation
	a.call("GET", "/v1/installations/moved?app=festival", nil, &in)
	if in.User != "ana" || len(in.Templates) != 1 || in.Templates["news"].Body == "" || fmt.Sprint(in.Tags) != "[fan]" {
		t.Errorf("the installation came as %+v", in)
	}
	again, err := a.usher("import", "azure-export", file, "--app", "festival")
	if err != nil || again != out {
		t.Errorf("the same again: %v\n%s", err, again)
	}
	if out, err := a.usher("import", "azure-export", file+"x", "--app", "festival"); err == nil || !strings.Contains(out, "cannot read") {
		t.Errorf("a missing file: %v %s", err, out)
	}
}

// An interrupted import sends no line twice that was answered, and all the others.
func TestInterruptedImportGoesOn(t *testing.T) {
	file := filepath.Join(t.TempDir(), "Output.txt")
	var b strings.Builder
	for i := range importLines*3 + 7 {
		fmt.Fprintf(&b, "line %d\n", i+1)
	}
	if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	calls := 0
	post := func(_ context.Context, from int64, lines []byte) (azure.Intake, error) {
		if calls++; calls == 3 {
			return azure.Intake{}, errors.New("the cable was pulled")
		}
		if want := int64(bytes.Count(got.Bytes(), []byte("\n"))) + 1; from != want {
			t.Errorf("from line %d, want %d", from, want)
		}
		got.Write(lines)
		return azure.Intake{Taken: int64(bytes.Count(lines, []byte("\n"))) - 1, Faults: []azure.Fault{{Line: from, Reason: "odd"}}}, nil
	}
	var out bytes.Buffer
	if err := importExport(t.Context(), file, "main", post, &out, false); err == nil || !strings.Contains(err.Error(), fmt.Sprint(importLines*2, " lines are in")) {
		t.Fatalf("the interruption: %v", err)
	}
	if err := importExport(t.Context(), file, "main", post, &out, true); err != nil {
		t.Fatal(err)
	}
	if got.String() != b.String() {
		t.Error("lines are missing or came twice")
	}
	for _, want := range []string{fmt.Sprintf("Going on after line %d.", importLines*2), "100 %", fmt.Sprintf("%d lines: %d taken, 4 rejected", importLines*3+7, importLines*3+3), "line 501: odd"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	if _, err := os.Stat(file + ".usher-place"); !os.IsNotExist(err) {
		t.Error("the place is left behind")
	}
}
