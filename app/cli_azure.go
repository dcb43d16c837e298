package app

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"

	"github.com/usherhq/usher/modules/hub/azure"
	"github.com/usherhq/usher/modules/kernel/fault"
)

// connectionString needs the configuration and the seal key, not the database: it
// works beside a running Usher.
func (c *cli) connectionString() *cobra.Command {
	var hub, policy, endpoint string
	cmd := &cobra.Command{
		Use: "connection-string", Short: "Print what clients of Azure Notification Hubs connect with", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			l, err := c.load(cmd)
			if err != nil {
				return err
			}
			keys, err := azureKeys(l.Config, hub)
			if err != nil {
				return err
			}
			if endpoint == "" {
				endpoint = "sb://" + azureHost(l.Azure) + "/"
			}
			if !strings.HasPrefix(endpoint, "sb://") || !strings.HasSuffix(endpoint, "/") {
				return fault.BadField("app.Keys", "--endpoint", "is not sb://host/", "such as sb://push.example.org:8443/")
			}
			text, err := keys.ConnectionString(endpoint, hub, policy)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(c.out, text)
			return err
		},
	}
	cmd.Flags().StringVar(&hub, "app", "", "`id` of the app; clients call it the hub's name (required)")
	cmd.Flags().StringVar(&policy, "policy", azure.FullPolicy, "`name` of a policy of azure.policies")
	cmd.Flags().StringVar(&endpoint, "endpoint", "", "`address` that clients connect to, such as sb://push.example.org/ (default: from azure.public_host, acme_host or listen)")
	return cmd
}

// azureKeys are the keys of an app. Errors: fault.Invalid when none is named.
func azureKeys(cfg Config, app string) (azure.Keys, error) {
	if app == "" {
		return azure.Keys{}, fault.BadField("app.Keys", "--app", "is missing", "the app's id, such as --app main")
	}
	key, err := sealKey(cfg)
	return azure.Keys{Seal: key, Policies: cfg.Azure.Policies}, err
}

// azureHost is how clients reach the listener, as far as the configuration tells.
func azureHost(cfg azure.Config) string {
	return cmp.Or(cfg.PublicHost, cfg.TLS.ACMEHost, dialable(cmp.Or(cfg.Listen, "127.0.0.1:8443")))
}

func (c *cli) importing() *cobra.Command {
	group := &cobra.Command{Use: "import", Short: "Put a file into the running Usher, or take over what another service has", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	var app string
	cmd := &cobra.Command{
		Use: "azure-export FILE", Short: "Import an export of Azure Notification Hubs into the running Usher; run again, it goes on where it stopped", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			l, err := c.load(cmd)
			if err != nil {
				return err
			}
			if l.Azure.Listen == "" {
				return errors.Join(errConfig, fault.BadField("app.Import", "azure.listen", "is empty", "set it, such as :8443, and restart Usher: the import talks to it"))
			}
			keys, err := azureKeys(l.Config, app)
			if err != nil {
				return err
			}
			desk, err := newImportDesk(l.Azure, keys, app)
			if err != nil {
				return err
			}
			f, terminal := c.out.(*os.File)
			return importExport(cmd.Context(), args[0], app, desk.post, c.out, terminal && isatty.IsTerminal(f.Fd()))
		},
	}
	cmd.Flags().StringVar(&app, "app", "", "`id` of the app to import into (required)")
	group.AddCommand(cmd)
	for _, t := range importCommands {
		group.AddCommand(c.transferring(t))
	}
	return group
}
