// Command tacquito is the TACACS+ server of the interop suite: tacquito's packages, without the HTTP port and the system
// log that its own command cannot do without.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"

	tq "github.com/facebookincubator/tacquito"
	"github.com/facebookincubator/tacquito/cmds/server/config"
	"github.com/facebookincubator/tacquito/cmds/server/config/accounters/local"
	"github.com/facebookincubator/tacquito/cmds/server/config/authenticators/bcrypt"
	"github.com/facebookincubator/tacquito/cmds/server/config/authorizers/stringy"
	"github.com/facebookincubator/tacquito/cmds/server/config/secret"
	"github.com/facebookincubator/tacquito/cmds/server/config/secret/prefix"
	"github.com/facebookincubator/tacquito/cmds/server/handlers"
	"github.com/facebookincubator/tacquito/cmds/server/loader"
	"github.com/facebookincubator/tacquito/cmds/server/loader/fsnotify"
	"github.com/facebookincubator/tacquito/cmds/server/loader/yaml"
	"github.com/facebookincubator/tacquito/cmds/server/log"
)

// Hashes stand in the configuration itself, so there is no store to ask.
type noStore struct{}

func (noStore) GetSecret(context.Context, string, string) ([]byte, error) {
	return nil, errors.New("hashes stand in the configuration")
}

func serve(address, file, records string) error {
	ctx := context.Background()
	out := log.New(20, os.Stderr)
	accounter, err := local.New(out, local.SetLogSinkDefault(records, "tacquito"))
	if err != nil {
		return err
	}
	settings, err := loader.NewLocalConfig(ctx, file, fsnotify.New(ctx, yaml.New(), out),
		loader.SetLoggerProvider(out),
		loader.SetKeychainProvider(secret.New()),
		loader.SetConfigProvider(config.New()),
		loader.SetAuthorizerProvider(stringy.New(out)),
		loader.RegisterSecretProviderType(config.PREFIX, prefix.New(out)),
		loader.RegisterHandlerType(config.START, handlers.NewStart(out)),
		loader.RegisterAuthenticator(config.BCRYPT, bcrypt.New(out, noStore{})),
		loader.RegisterAccounter(config.FILE, accounter),
	)
	if err != nil {
		return err
	}
	at, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return err
	}
	listener, err := net.ListenTCP("tcp", at)
	if err != nil {
		return err
	}
	return tq.NewServer(out, settings).Serve(ctx, listener)
}

func main() {
	address := flag.String("address", "127.0.0.1:2046", "where to listen")
	file := flag.String("config", "tacquito.yaml", "the configuration")
	records := flag.String("records", "accounting", "where records are kept")
	flag.Parse()
	if err := serve(*address, *file, *records); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
