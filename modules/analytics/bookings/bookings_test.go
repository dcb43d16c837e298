package bookings_test

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/usherhq/usher/modules/analytics/bookings"
	"github.com/usherhq/usher/modules/analytics/forecast"
	"github.com/usherhq/usher/modules/analytics/forecasttest"
	"github.com/usherhq/usher/modules/kernel/fault"
)

const head = "event_id,event_date,on_sale_date,capacity,date,sold,price,genre,tags,weekend,colour\n"

func TestDailyReadsLinesInAnyOrder(t *testing.T) {
	events, err := bookings.Daily("past.csv", strings.NewReader("\ufeff"+head+
		"b,2026-05-03,2026-05-01,50,2026-05-03,4,,jazz,,,red\n"+
		"a,2026-05-02,2026-04-30,100,2026-05-02,7,12.50,rock,indoor| loud,0,\n"+
		"a,,,,2026-04-30,3,10,,,,\n"))
	if err != nil {
		t.Fatal(err)
	}
	a := events[0]
	if len(events) != 2 || a.ID != "a" || !reflect.DeepEqual(a.Sold, []int{3, 0, 7}) || !reflect.DeepEqual(a.Price, []float64{10, 0, 12.5}) ||
		!reflect.DeepEqual(a.Tags, []string{"indoor", "loud"}) || !a.NotOnWeekend || a.Social != nil || a.Capacity != 100 {
		t.Errorf("got %+v", a)
	}
	if b := events[1]; b.Price != nil || b.SoldBy(b.Date) != 4 || b.Genre != "jazz" {
		t.Errorf("got %+v", b)
	}
}

func TestDailyReadsWhatSpreadsheetsWrite(t *testing.T) {
	events, err := bookings.Daily("past.csv", strings.NewReader("EVENT_ID;event_date;on_sale_date;capacity;date;sold;price\r\na;2026-05-02 20:00:00;2026-05-01;100;2026-05-02;7;12,50\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	if e := events[0]; e.Price[1] != 12.5 || e.Sold[1] != 7 {
		t.Errorf("got %+v", e)
	}
}

// Posts and how glad they were are read, and written back, day by day.
func TestDailyReadsPostsAndSentiment(t *testing.T) {
	file := "event_id,event_date,on_sale_date,capacity,date,sold,social,sentiment\na,2026-05-02,2026-05-01,100,2026-05-02,7,12,-0.25\n"
	events, err := bookings.Daily("past.csv", strings.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := bookings.WriteDaily(&out, events); err != nil {
		t.Fatal(err)
	}
	for _, list := range [][]*forecast.Event{events, again(t, out.String())} {
		if e := list[0]; !reflect.DeepEqual(e.Social, []float64{0, 12}) || !reflect.DeepEqual(e.Sentiment, []float64{0, -.25}) {
			t.Errorf("posts %v, sentiment %v", e.Social, e.Sentiment)
		}
	}
	_, err = bookings.Daily("past.csv", strings.NewReader(strings.Replace(file, "-0.25", "1.5", 1)))
	if f, ok := errors.AsType[*fault.Error](err); !ok || !strings.Contains(f.Fields[0].Name, "line 2, sentiment") {
		t.Errorf("a sentiment of 1.5: %v", err)
	}
}

func again(t *testing.T, file string) []*forecast.Event {
	t.Helper()
	events, err := bookings.Daily("again.csv", strings.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	return events
}

func TestWrongLinesAreToldWithTheirFix(t *testing.T) {
	good := "a,2026-05-02,2026-04-30,100,2026-05-01,7,,,,,\n"
	for name, tc := range map[string]struct{ body, where, fix string }{
		"no columns":        {"a,b\n1,2\n", "line 1", "event_id"},
		"empty":             {"", "line 1", "event_id"},
		"no lines":          {head, "line 0", "one line"},
		"no id":             {head + ",2026-05-02,2026-04-30,100,2026-05-01,7,,,,,\n", "line 2, event_id", "same text"},
		"no date":           {head + "a,2.5.2026,2026-04-30,100,2026-05-01,7,,,,,\n", "line 2, event_date", "2026-05-01"},
		"late sale":         {head + "a,2026-05-02,2026-05-03,100,2026-05-01,7,,,,,\n", "line 2, on_sale_date", "first day"},
		"no capacity":       {head + "a,2026-05-02,2026-04-30,many,2026-05-01,7,,,,,\n", "line 2, capacity", "250"},
		"before the sale":   {head + "a,2026-05-02,2026-04-30,100,2026-04-29,7,,,,,\n", "line 2, date", "leave out"},
		"twice":             {head + good + good, "line 3, date", "one line"},
		"half a ticket":     {head + "a,2026-05-02,2026-04-30,100,2026-05-01,7.5,,,,,\n", "line 2, sold", "250"},
		"price":             {head + "a,2026-05-02,2026-04-30,100,2026-05-01,7,free,,,,\n", "line 2, price", "12.50"},
		"weekend":           {head + "a,2026-05-02,2026-04-30,100,2026-05-01,7,,,,maybe,\n", "line 2, weekend", "1 or 0"},
		"another capacity":  {head + good + "a,2026-05-02,2026-04-30,90,2026-05-02,7,,,,,\n", "line 3, capacity", "the same"},
		"a quote is open":   {head + "\"a,2026-05-02,2026-04-30,100,2026-05-01,7,,,,,\n", "line", "double"},
		"not a number: NaN": {head + "a,2026-05-02,2026-04-30,100,2026-05-01,7,NaN,,,,\n", "line 2, price", "12.50"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := bookings.Daily("past.csv", strings.NewReader(tc.body))
			f, ok := errors.AsType[*fault.Error](err)
			if !ok || f.Code != fault.Invalid || len(f.Fields) == 0 || !strings.HasPrefix(f.Fields[0].Name, "past.csv: line") {
				t.Fatalf("got %v", err)
			}
			if !strings.Contains(f.Fields[0].Name, tc.where) || !strings.Contains(f.Fields[0].Fix, tc.fix) {
				t.Errorf("got %+v", f.Fields[0])
			}
		})
	}
}

func TestManyWrongLinesAreSummedUp(t *testing.T) {
	_, err := bookings.Daily("past.csv", strings.NewReader(head+strings.Repeat("a,x,2026-04-30,100,2026-05-01,7,,,,,\n", 100)))
	f, _ := errors.AsType[*fault.Error](err)
	if f == nil || len(f.Fields) != 21 || !strings.Contains(f.Fields[20].Problem, "80 more") {
		t.Errorf("got %+v", err)
	}
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	events := forecasttest.NewMarket(1).Past(20, 19_000)
	events[3].Lat, events[3].Lon, events[3].Located, events[3].OnWeekend = 48.2, 16.37, true, true
	var file bytes.Buffer
	if err := bookings.WriteDaily(&file, events); err != nil {
		t.Fatal(err)
	}
	got, format, err := bookings.Any("x.csv", bytes.NewReader(file.Bytes()))
	if err != nil || format != bookings.FormatDaily {
		t.Fatal(format, err)
	}
	for i := range events {
		if !reflect.DeepEqual(got[i], events[i]) {
			t.Fatalf("event %d: got %+v, want %+v", i, got[i], events[i])
		}
	}
}

func TestOrdersOfPretix(t *testing.T) {
	file := `"Event slug","Order code","Position ID","Status","Email","Phone number","Order date","Order time","Start date","Product","Price","City","City"
"gala","A1","1","Paid","x","","2026-04-01","10:00:00","2026-05-01 20:00:00","Standing","20.00","",""
"gala","A1","2","Paid","x","","2026-04-01","10:00:00","2026-05-01 20:00:00","Seat","30.00","",""
"gala","A2","1","Canceled","x","","2026-04-02","10:00:00","2026-05-01 20:00:00","Standing","20.00","",""
"gala","A3","1","Paid","x","","2026-04-03","10:00:00","2026-05-02 20:00:00","Standing","20.00","",""
`
	events, format, err := bookings.Any("orders.csv", strings.NewReader(file))
	if err != nil || format != bookings.FormatPretix || len(events) != 2 {
		t.Fatal(format, err, events)
	}
	e := events[0]
	if e.ID != "gala 2026-05-01 20:00" || e.Date.String() != "2026-05-01" || e.OnSale.String() != "2026-04-01" || e.Sold[0] != 2 || e.Price[0] != 25 || e.SoldBy(e.Date) != 2 || e.Capacity != 0 {
		t.Errorf("got %+v", e)
	}
	_, _, err = bookings.Any("orders.csv", strings.NewReader("Order code,Order total,Status,Order date\nA,20,Paid,2026-04-01\n"))
	if f, _ := errors.AsType[*fault.Error](err); f == nil || !strings.Contains(f.Fix, "Order positions") {
		t.Errorf("the list of orders: %v", err)
	}
}

func TestOrdersOfEventbrite(t *testing.T) {
	file := `Order #,Order Date,First Name,Quantity,Ticket Type,Order Type,Currency,Total Paid,Attendee Status,Event Name
1,"Apr 1, 2026 7:05 PM",Ana,2,Standing,Eventbrite,EUR,"€50.00",Attending,Gala
2,2026-04-03 09:00:00,Ben,1,Standing,Eventbrite,EUR,25,Not Attending,Gala
3,4/4/26 9:00,Cy,3,Standing,Free Order,EUR,0.00,Checked In,Gala
`
	events, format, err := bookings.Any("orders.csv", strings.NewReader(file))
	if err != nil || format != bookings.FormatEventbrite || len(events) != 1 {
		t.Fatal(format, err, events)
	}
	e := events[0]
	if e.ID != "Gala" || e.OnSale.String() != "2026-04-01" || e.Date.String() != "2026-04-04" || !reflect.DeepEqual(e.Sold, []int{2, 0, 0, 3}) || e.Price[0] != 25 {
		t.Errorf("got %+v", e)
	}
}

func FuzzAny(f *testing.F) {
	f.Add(head + "a,2026-05-02,2026-04-30,100,2026-05-01,7,12.5,rock,x|y,1,red\n")
	f.Add("Order code,Position ID,Status,Order date,Price\nA,1,Paid,2026-04-01,20\n")
	f.Add("Order #,Order Date,Quantity,Total Paid\n1,\"Apr 1, 2026 7:05 PM\",2,$50\n")
	f.Add("\ufeffevent_id;event_date\n\"")
	f.Fuzz(func(t *testing.T, file string) {
		events, format, err := bookings.Any("x", strings.NewReader(file))
		if err != nil {
			if !fault.Is(err, fault.Invalid) || fault.Message(err) == "" {
				t.Fatalf("%v", err)
			}
			return
		}
		for _, e := range events {
			if e.Lead() > 1500 || len(e.Sold) != int(e.Date-e.OnSale)+1 || format == bookings.FormatDaily && e.Capacity < 1 {
				t.Fatalf("got %+v", e)
			}
		}
		if format == bookings.FormatDaily {
			if _, err := forecast.Backtest(events, forecast.Options{At: []int{1}, Within: 1, Folds: 1}); err != nil && !fault.Is(err, fault.Invalid) {
				t.Fatal(err)
			}
		}
	})
}
