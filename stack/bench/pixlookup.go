package bench

import (
	"context"
	"fmt"
	"slices"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health/grpc_health_v1"

	codepixv1 "codebank.dev/schemas/gen/codepix/v1"
	"codebank.dev/stack/launch"
)

// hubRemembers is how long the hub remembers what a look-up has read.
const hubRemembers = time.Second

// pixLookUps compares look-ups of keys at the hub with a call that does nothing, over one connection with a bank's
// certificate. The bank itself asks, whose bucket is large.
func (p *pixBanks) pixLookUps(ctx context.Context) ([]Figure, error) {
	hub, err := p.workbench.stack.Dial(launch.CodePix, p.workbench.stack.Addresses().CodePixGRPC(), launch.Bank)
	if err != nil {
		return nil, err
	}
	defer hub.Close()
	empty, cold, again := Series{Name: "an empty call", Unit: "empty50-ms"}, Series{Name: "a look-up", Unit: "look-up50-ms"}, Series{Name: "a look-up again", Unit: "again50-ms"}
	slowEmpty, slowCold, slowAgain := Series{Name: "an empty call", Unit: "empty99-ms"}, Series{Name: "a look-up", Unit: "look-up99-ms"}, Series{Name: "a look-up again", Unit: "again99-ms"}
	for range p.workbench.options.Rounds {
		wait(ctx, 2*hubRemembers) // The keys of the round before are forgotten.
		calls, found, repeated, err := pixLookUps(ctx, hub, p.keys)
		if err != nil {
			return nil, err
		}
		for q, of := range map[float64][]*Series{0.5: {&empty, &cold, &again}, 0.99: {&slowEmpty, &slowCold, &slowAgain}} {
			for i, took := range [][]time.Duration{calls, found, repeated} {
				of[i].Values = append(of[i].Values, milliseconds(quantile(took, q)))
			}
		}
	}
	setting := fmt.Sprintf("%d keys, one in flight, the calls take turns, TLS; ", len(p.keys))
	fresh, known := "a key that nobody has asked about for a second, ", "a key that was asked about just now, "
	return []Figure{
		ratio("PixLookUp", setting+fresh+"median", cold, empty),
		ratio("PixLookUp99", setting+fresh+"99 of 100 take at most", slowCold, slowEmpty),
		ratio("PixLookUpAgain", setting+known+"median", again, empty),
		ratio("PixLookUpAgain99", setting+known+"99 of 100 take at most", slowAgain, slowEmpty),
	}, nil
}

// pixLookUps measures how long a look-up of each key takes, and of one of them again and again, beside a call that does
// nothing. They take turns, so all meet the same machine. It returns all times, sorted.
func pixLookUps(ctx context.Context, conn grpc.ClientConnInterface, keys []string) (empty, found, again []time.Duration, err error) {
	health, directory := grpc_health_v1.NewHealthClient(conn), codepixv1.NewDirectoryServiceClient(conn)
	lookUp := func(key string) func() error {
		return func() error {
			_, err := directory.LookUpKey(ctx, &codepixv1.LookUpKeyRequest{Key: key})
			return err
		}
	}
	for _, key := range keys[1:] {
		for _, call := range []struct {
			name  string
			do    func() error
			times *[]time.Duration
		}{
			{"an empty call", func() error {
				_, err := health.Check(ctx, &grpc_health_v1.HealthCheckRequest{})
				return err
			}, &empty},
			{"a look-up", lookUp(key), &found}, {"a look-up again", lookUp(keys[0]), &again},
		} {
			began := time.Now()
			if err := call.do(); err != nil {
				return nil, nil, nil, fmt.Errorf("%s: %w", call.name, err)
			}
			*call.times = append(*call.times, time.Since(began))
		}
	}
	for _, times := range [][]time.Duration{empty, found, again} {
		slices.Sort(times)
	}
	return empty, found, again, nil
}
