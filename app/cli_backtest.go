package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"

	"github.com/usherhq/usher/modules/analytics/bookings"
	"github.com/usherhq/usher/modules/analytics/forecast"
	"github.com/usherhq/usher/modules/kernel/clock"
	"github.com/usherhq/usher/modules/kernel/fault"
)

const backtestLong = `Forecast past events as they would have been forecast then, and score the forecasts.

FILE is daily booking history as CSV, one line for each event and day:
  event_id,event_date,on_sale_date,capacity,date,sold
and, where known,
  price,list_price,genre,tags,artist,city,lat,lon,weekend,social,sentiment
(docs/forecasts.md says what each means). A forecast sees only events that were over
before the day it is made on.`

// backtestFlags are those of the command.
type backtestFlags struct {
	at          []int
	within      int
	trainBefore string
	folds       int
	format      string
}

func (c *cli) backtest() *cobra.Command {
	var f backtestFlags
	cmd := &cobra.Command{
		Use: "backtest FILE…", Short: "Score forecasts of past events, from their daily bookings as CSV", Long: backtestLong, Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, files []string) error {
			o, err := f.options()
			if err != nil {
				return err
			}
			return c.runBacktest(files, o, f.format)
		},
	}
	flags := cmd.Flags()
	flags.IntSliceVar(&f.at, "at", []int{7, 14, 30, 60}, "`days` before the event to forecast from")
	flags.IntVar(&f.within, "within", 14, "near horizon in `days`")
	flags.StringVar(&f.trainBefore, "train-before", "", "train on events before this `date`, forecast the others")
	flags.IntVar(&f.folds, "folds", 5, "forecast in this `number` of blocks in the order of time, each from what was over before")
	flags.StringVar(&f.format, "format", "table", "table or json")
	return cmd
}

// options checks the flags.
func (f backtestFlags) options() (forecast.Options, error) {
	var wrong []fault.Field
	bad := func(flag, problem, fix string) {
		wrong = append(wrong, fault.Field{Name: "--" + flag, Problem: problem, Fix: fix})
	}
	slices.Sort(f.at)
	if f.at = slices.Compact(f.at); len(f.at) == 0 || f.at[0] < 1 || f.at[len(f.at)-1] > 365 {
		bad("at", "needs days from 1 to 365", "such as 7,14,30,60")
	}
	if f.within < 1 || f.within > 365 {
		bad("within", fmt.Sprintf("is %d days", f.within), "from 1 to 365")
	}
	if f.folds < 1 || f.folds > 50 {
		bad("folds", fmt.Sprintf("is %d", f.folds), "from 1 to 50")
	}
	if f.format != "table" && f.format != "json" {
		bad("format", fmt.Sprintf("%q is neither table nor json", f.format), "table or json")
	}
	o := forecast.Options{At: f.at, Within: f.within, Folds: f.folds, Now: clock.System{}.Now}
	if f.trainBefore != "" {
		t, err := time.Parse(time.DateOnly, f.trainBefore)
		if err != nil {
			bad("train-before", fmt.Sprintf("%q is no date", f.trainBefore), "such as 2026-05-01")
		}
		o.Before = forecast.DayOf(t)
	}
	if err := fault.BadFields("app.Backtest", wrong); err != nil {
		return o, errors.Join(errConfig, err)
	}
	return o, nil
}

func (c *cli) runBacktest(files []string, o forecast.Options, format string) error {
	events, err := readHistories(files)
	if err != nil {
		return err
	}
	live := false
	if f, ok := c.err.(*os.File); ok {
		live = isatty.IsTerminal(f.Fd())
	}
	o.Step = func(done, of int) { progress(c.err, live, done, of) }
	report, err := forecast.Backtest(events, o)
	if err != nil {
		return err
	}
	if report.Forecasts == 0 {
		return fault.E("app.Backtest", fault.Invalid, fmt.Sprintf("none of the %d events could be forecast: none was on sale, and not sold out, %v days before", len(events), o.At), nil).
			WithFix("forecast from fewer days before, with --at")
	}
	if format == "json" {
		enc := json.NewEncoder(c.out)
		enc.SetIndent("", "  ")
		return enc.Encode(report)
	}
	return printBacktest(c.out, report)
}

// readHistories reads all files; events of several files keep apart by the file's name.
func readHistories(files []string) (events []*forecast.Event, err error) {
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			return nil, fault.E("app.Backtest", fault.Invalid, "cannot read "+name, err).WithFix("check the path")
		}
		some, err := bookings.Daily(filepath.Base(name), f)
		_ = f.Close()
		if err != nil {
			return nil, err
		}
		if len(files) > 1 {
			for _, e := range some {
				e.ID = filepath.Base(name) + "/" + e.ID
			}
		}
		events = append(events, some...)
	}
	return events, nil
}

// progress tells how far it is: a line that renews itself on a terminal, else every tenth.
func progress(w io.Writer, live bool, done, of int) {
	if live {
		fmt.Fprintf(w, "\rforecasting %3d %%", 100*done/of)
		if done == of {
			fmt.Fprintln(w)
		}
	} else if done == of || 10*done/of > 10*(done-1)/of {
		fmt.Fprintf(w, "forecasting %d %%\n", 100*done/of)
	}
}

func printBacktest(out io.Writer, r *forecast.Report) error {
	fmt.Fprintf(out, "%d events, %d forecasts from %s days before; trained on up to %d events, %d fits in %.1f s\n\n",
		r.Events, r.Forecasts, strings.Trim(strings.ReplaceAll(fmt.Sprint(r.At), " ", ", "), "[]"), r.Trained, r.Fits, r.FitSeconds)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "\tBrier\tlog loss\tECE\tAUC\tcovered\t\tBrier\tlog loss\tECE\tAUC\tcovered\t\n")
	for _, m := range r.Methods {
		fmt.Fprintf(w, "%s\t%s\t\t%s\t\n", m.Method, scoreCells(m.Within, m.WithinCoverage), scoreCells(m.Final, m.FinalCoverage))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "\nLeft: sold out within %d days. Right: sold out by the event. Brier, log loss and ECE: less is better; AUC: 1 is best;\ncovered: how often the 80 %% interval held what was sold.\nServed: %s, as %s.\n", r.Within, r.Served, r.WhyServed)
	return err
}

func scoreCells(s forecast.Score, covered *float64) string {
	return fmt.Sprintf("%.4f\t%.3f\t%.3f\t%s\t%s", s.Brier, s.LogLoss, s.ECE, orDash("%.3f", s.AUC, 1), orDash("%.0f %%", covered, 100))
}

func orDash(format string, x *float64, times float64) string {
	if x == nil {
		return "–"
	}
	return fmt.Sprintf(format, *x*times)
}
