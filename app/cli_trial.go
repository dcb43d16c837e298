package app

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/proximity/choice"
	"github.com/usherhq/usher/modules/proximity/zoning"
)

const trialOffersLong = `Judge the policies that choose offers by a past experiment, and say what its offers brought.

FILE is Kevin Hillstrom's e-mail experiment (MineThatData, 2008) as CSV with its header:
  recency,history_segment,history,mens,womens,zip_code,newbie,channel,segment,visit,conversion,spend
or your own in the same columns. Each policy is fitted to every other customer and judged by
the rest: SNIPS, doubly robust with its 95 % interval, and the gain over choosing at random.`

const trialSightingsLong = `Follow the devices of a recording of Bluetooth readings, and score the zones that were found.

FILE is CSV with a header, of one of two forms:
  time,place,beacon,rssi        a reading a row, device where there are several
  location,date,b3001,b3002,…   an instant a row, a column for each beacon (the iBeacon set
                                of the UCI Machine Learning Repository, 2018)
A beacon stands for the place where it was heard loudest.`

// trials are the commands that score proximity by published data sets.
func (c *cli) trials() []*cobra.Command {
	return []*cobra.Command{
		c.trial("backtest-offers FILE", "Score the policies that choose offers, by a past experiment as CSV", trialOffersLong, func(in io.Reader) (any, error) {
			var log []choice.Record
			if err := choice.ReadHillstrom(in, func(r choice.Record) error { log = append(log, r); return nil }); err != nil {
				return nil, err
			}
			return choice.Try(log)
		}, func(out io.Writer, found any) error { return printOffers(out, found.(choice.Trial)) }),
		c.trial("backtest-sightings FILE", "Score the zones found in a recording of Bluetooth readings as CSV", trialSightingsLong, func(in io.Reader) (any, error) {
			var all []zoning.Recorded
			if err := zoning.ReadRecording(in, func(r zoning.Recorded) error { all = append(all, r); return nil }); err != nil {
				return nil, err
			}
			return zoning.Try(all)
		}, func(out io.Writer, found any) error { return printSightings(out, found.(zoning.Trial)) }),
	}
}

func (c *cli) trial(use, short, long string, try func(in io.Reader) (any, error), show func(out io.Writer, found any) error) *cobra.Command {
	asJSON := false
	cmd := &cobra.Command{
		Use: use, Short: short, Long: long, Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, files []string) error {
			f, err := os.Open(files[0])
			if err != nil {
				return fault.E("app.Trial", fault.Invalid, "cannot read "+files[0], err).WithFix("check the path")
			}
			defer f.Close()
			found, err := try(f)
			if err != nil {
				return err
			}
			if asJSON {
				enc := json.NewEncoder(c.out)
				enc.SetIndent("", "  ")
				return enc.Encode(found)
			}
			return show(c.out, found)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "for machines")
	return cmd
}

func printOffers(out io.Writer, t choice.Trial) error {
	fmt.Fprintf(out, "%d decisions; each policy fitted to one half, judged by the other\n\n", t.Decisions)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(w, "policy\tSNIPS\tdoubly robust\t95 % interval\tgain over random\t95 % interval\t\n")
	for _, p := range t.Policies {
		fmt.Fprintf(w, "%s\t%.4f\t%.4f\t%.4f … %.4f\t%+.4f\t%+.4f … %+.4f\t\n", p.Policy, p.SNIPS, p.DR, p.Low, p.High, p.Gain.Gain, p.Gain.Low, p.Gain.High)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(out)
	w = tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(w, "offer\tgot it\tgot none\tmore of them came\t95 % interval\tearned more each\t95 % interval\t\n")
	for _, o := range t.Offers {
		if !o.Enough {
			fmt.Fprintf(w, "%s\t%d\t%d\ttoo little data\t\t\t\t\n", o.Offer, o.Sent, o.Held)
			continue
		}
		fmt.Fprintf(w, "%s\t%d\t%d\t%+.2f %%\t%+.2f … %+.2f\t%+.4f\t%+.4f … %+.4f\t\n", o.Offer, o.Sent, o.Held, 100*o.Buys, 100*o.BuysLow, 100*o.BuysTop, o.Earns, o.EarnLow, o.EarnTop)
	}
	return w.Flush()
}

func printSightings(out io.Writer, t zoning.Trial) error {
	_, err := fmt.Fprintf(out, `%d readings of %d devices, %d beacons at %d places

enters and exits within %s     F1 %.3f (precision %.3f, recall %.3f; %d true stays, %d visits found)
flaps a visit                    %.3f
mean error of a dwell            %.1f s
readings at the place found      %.1f %%
`, t.Readings, t.Devices, t.Beacons, t.Places, zoning.Tolerance, t.F1, t.Precision, t.Recall, t.Stays, t.Visits, t.Flaps, t.DwellError, 100*t.Right)
	return err
}
