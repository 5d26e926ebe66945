package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"

	"codebank.dev/bank/postgres"
	"codebank.dev/bank/vault"
	codepix "codebank.dev/codepix/postgres"
	"codebank.dev/platform/consumer"
	"codebank.dev/platform/consumer/consumertest"
	"codebank.dev/platform/database/databasetest"
	"codebank.dev/platform/programtest"
	"codebank.dev/platform/wallstest"
	"codebank.dev/schemas"
	"codebank.dev/schemas/command"
)

// teller is the operator by whom the test calls a bank.
const teller = "teller"

// pixWorld is two banks and the hub between them, as programs on real databases, with a broker and a registry.
type pixWorld struct {
	*pixPlaces
	kit     *wallstest.Kit
	brokers *kfake.Cluster
	client  *kgo.Client
	shared  []string // arguments of every program
	folder  string   // of the files of keys
	hub     *pixProgram
	banks   map[string]*pixProgram
	// topics are those between banks and hub, letters those of dead letters.
	topics, letters []string
}

var pixCodes = []string{"001", "002"}

func newPixWorld(t *testing.T) *pixWorld {
	w := &pixWorld{pixPlaces: newPixPlaces(t), kit: wallstest.New(t), folder: t.TempDir(), banks: make(map[string]*pixProgram)}
	w.startBroker()
	w.writeKeys()
	walls := w.kit.Files(t, "-/codepix")
	w.hub = &pixProgram{world: w, pkg: "codebank.dev/codepix/cmd/codepix", front: newFront(t), arguments: slices.Concat(w.shared, []string{
		"--database-url=" + databasetest.As(t, w.pixPlaces.hub, codepix.ServiceRole), "--banks=" + filepath.Join(w.folder, "banks.json"),
		"--tls-certificate=" + walls.Certificate, "--tls-key=" + walls.Key, "--tls-authority=" + walls.Authority,
		"--customer-tokens=1000000", "--bank-tokens=1000000", // the load looks up more than people do
	})}
	for _, code := range pixCodes {
		w.hub.groups = append(w.hub.groups, "codepix.bank-"+code)
		w.addBank(code)
	}
	for _, program := range w.programs() {
		program.start()
	}
	return w
}

// programs are the hub and the banks.
func (w *pixWorld) programs() []*pixProgram {
	return []*pixProgram{w.hub, w.banks["001"], w.banks["002"]}
}

func (w *pixWorld) addBank(code string) {
	keys := filepath.Join(w.folder, "vault-"+code+".json")
	require.NoError(w.t, vault.NewKeyFile(keys, nil))
	w.banks[code] = &pixProgram{world: w, pkg: "codebank.dev/bank/cmd/bank", front: newFront(w.t), groups: []string{"bank-" + code + ".pix"},
		arguments: slices.Concat(w.shared, w.kit.Flags(w.t, code+"/bank"), []string{
			"--database-url=" + databasetest.As(w.t, w.ledger(code), postgres.ServiceRole),
			"--bank-code=" + code, "--operators=" + teller, "--vault-key-file=" + keys, "--relay=false",
			"--codepix-address=" + w.hub.front.address(), "--pix-keys=" + w.keyFile(code),
		})}
}

// startBroker starts a broker with the topics of banks and hub, and a registry with their schemas.
func (w *pixWorld) startBroker() {
	registry := srfake.New()
	w.t.Cleanup(registry.Close)
	subjects, err := sr.NewClient(sr.URLs(registry.URL()))
	require.NoError(w.t, err)
	folders := map[string]string{command.PixPaymentTopic: command.Folder[command.PixPayment]()}
	for _, code := range pixCodes {
		folders[command.PixFromBank(code)], folders[command.PixToBank(code)] = command.Folder[command.PixMessage](), command.Folder[command.PixMessage]()
		w.topics = append(w.topics, command.PixFromBank(code), command.PixToBank(code))
		w.letters = append(w.letters, consumer.LettersPrefix+"codepix.bank-"+code, consumer.LettersPrefix+"bank-"+code+".pix")
	}
	for topic, folder := range folders {
		versions, err := schemas.Schemas(folder)
		require.NoError(w.t, err)
		_, err = subjects.CreateSchema(w.t.Context(), schemas.Subject(topic), sr.Schema{Schema: versions[0].Schema, Type: sr.TypeAvro})
		require.NoError(w.t, err)
	}
	w.brokers, err = kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(3, append(w.topics, command.PixPaymentTopic)...), kfake.SeedTopics(1, w.letters...))
	require.NoError(w.t, err)
	w.t.Cleanup(w.brokers.Close)
	w.client, err = kgo.NewClient(kgo.SeedBrokers(w.brokers.ListenAddrs()...), kgo.ConsumeTopics(w.topics...))
	require.NoError(w.t, err)
	w.t.Cleanup(w.client.Close)
	w.shared = []string{"--grpc-address=127.0.0.1:0", "--http-address=127.0.0.1:0", "--kafka-brokers=" + w.brokers.ListenAddrs()[0], "--registry-url=" + registry.URL()}
}

func (w *pixWorld) keyFile(code string) string { return filepath.Join(w.folder, "keys-"+code+".json") }

// writeKeys writes the keys that each bank shares with the hub, and the file of the banks.
func (w *pixWorld) writeKeys() {
	var entries []string
	for _, code := range pixCodes {
		content := []byte(`{"keys":[]}`)
		for _, producer := range []string{command.PixBank(code), command.PixHub} {
			keys, err := command.ParseKeys(content)
			require.NoError(w.t, err)
			content, err = keys.With(producer+"-of-"+code, producer, false)
			require.NoError(w.t, err)
		}
		require.NoError(w.t, os.WriteFile(w.keyFile(code), content, 0o600))
		entries = append(entries, fmt.Sprintf(`{"code":%q,"name":"Bank %s","key_file":"keys-%s.json"}`, code, code, code))
	}
	require.NoError(w.t, os.WriteFile(filepath.Join(w.folder, "banks.json"), []byte(`{"banks":[`+strings.Join(entries, ",")+`]}`), 0o600))
}

// figure reads one number from the ledger of each bank, as its owner, and returns the sum.
func (w *pixWorld) figure(query string) (sum int64) {
	w.t.Helper()
	for _, code := range pixCodes {
		conn, err := pgx.Connect(w.t.Context(), w.ledger(code))
		require.NoError(w.t, err)
		var one int64
		require.NoError(w.t, conn.QueryRow(w.t.Context(), query).Scan(&one))
		require.NoError(w.t, conn.Close(w.t.Context()))
		sum += one
	}
	return sum
}

// requireNoLetters requires that no message was refused for good.
func (w *pixWorld) requireNoLetters() {
	w.t.Helper()
	ends, err := kadm.NewClient(w.client).ListEndOffsets(w.t.Context(), w.letters...)
	require.NoError(w.t, err)
	require.NoError(w.t, ends.Error())
	ends.Each(func(end kadm.ListedOffset) { require.Zero(w.t, end.Offset, "records in %s", end.Topic) })
}

// pixProgram is a program that is killed and started again. Others reach it through its front, whose address stays.
type pixProgram struct {
	world     *pixWorld
	pkg       string
	arguments []string
	// groups are the consumer groups of which it is the only member.
	groups  []string
	front   *front
	running *programtest.Program
	kills   int
}

// start starts the program and waits until it listens.
func (p *pixProgram) start() {
	p.world.t.Helper()
	p.running = programtest.StartPackage(p.world.t, p.pkg, nil, p.arguments...)
	p.running.Client = p.world.kit.HTTP(p.world.t, "")
	addresses := p.running.AwaitListening(p.world.t)
	require.NotEmpty(p.world.t, addresses.GRPC, p.running.Log())
	p.front.target.Store(&addresses.GRPC)
}

func (p *pixProgram) awaitReady() {
	p.world.t.Helper()
	_, ready := p.running.AwaitReady(p.world.t)
	require.True(p.world.t, ready, p.running.Log())
}

// kill ends the program at once. The broker would wait six seconds for its membership; here it ends with the program.
func (p *pixProgram) kill() {
	t := p.world.t
	t.Helper()
	p.running.Kill(t)
	p.kills++
	consumertest.Expire(t, p.world.client, p.groups...)
}

// front passes connections on to where a program listens at present.
type front struct {
	listener net.Listener
	target   atomic.Pointer[string]
}

func newFront(t *testing.T) *front {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	f := &front{listener: listener}
	var passing sync.WaitGroup
	ctx, end := context.WithCancel(context.Background())
	passing.Go(func() {
		for {
			from, err := listener.Accept()
			if err != nil {
				return
			}
			passing.Go(func() { f.pass(ctx, from) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		end()
		passing.Wait()
	})
	return f
}

func (f *front) address() string { return f.listener.Addr().String() }

// pass carries bytes both ways until one side ends, or the test.
func (f *front) pass(ctx context.Context, from net.Conn) {
	defer from.Close()
	target := f.target.Load()
	if target == nil {
		return
	}
	to, err := net.Dial("tcp", *target)
	if err != nil {
		return
	}
	defer to.Close()
	ended := make(chan struct{}, 2)
	for _, way := range [][2]net.Conn{{from, to}, {to, from}} {
		go func() {
			_, _ = io.Copy(way[1], way[0])
			ended <- struct{}{}
		}()
	}
	select {
	case <-ended:
	case <-ctx.Done():
	}
}
