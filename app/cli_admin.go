package app

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/usherhq/usher/modules/identity"
	"github.com/usherhq/usher/modules/kernel/clock"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/seal"
)

func (c *cli) admin() *cobra.Command {
	group := &cobra.Command{Use: "admin", Short: "Let people in, and back in", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	var role string
	var lasts time.Duration
	invite := &cobra.Command{
		Use: "invite", Short: "Make a link that gives its first user a role, beside a running Usher too", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			l, err := c.load(cmd)
			if err != nil {
				return err
			}
			key, err := presentSealKey(l.Config)
			if err != nil {
				return err
			}
			token, v, err := identity.MakeInvite(key, identity.Role(role), commandLine(), clock.System{}.Now(), lasts)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(c.out, "%s\nIt makes the first who opens it %s, until %s. Send it to nobody else.\n",
				identity.InviteLink(l.HTTP.reachable("http://"+dialable(l.HTTP.Listen)), token), v.Role, v.ExpiresAt.Format("2 Jan 2006, 15:04 MST"))
			return err
		},
	}
	invite.Flags().StringVar(&role, "role", "", "owner, admin, staff or `scanner`")
	invite.Flags().DurationVar(&lasts, "for", identity.InviteAge, "how long the link works")
	_ = invite.MarkFlagRequired("role")
	group.AddCommand(invite)
	return group
}

// commandLine is who makes an invite: the account at the terminal, for the audit.
func commandLine() string {
	if u, err := user.Current(); err == nil {
		return "command line:" + u.Username
	}
	return "command line"
}

// presentSealKey is the key of an Usher that has run. A key made here would make
// invites that no Usher takes.
func presentSealKey(cfg Config) (*seal.Key, error) {
	path := filepath.Join(cfg.DataDir, "seal.key")
	if _, err := os.Stat(path); cfg.Seal.Key == "" && err != nil {
		return nil, fault.E("app.Admin", fault.Invalid, "there is no sealing key at "+path, err).
			WithFix("give the --config or --data-dir that `usher serve` runs with, and run as the same user")
	}
	return sealKey(cfg)
}
