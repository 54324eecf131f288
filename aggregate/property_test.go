package aggregate_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"github.com/pasttense/pasttense/aggregate"
	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/memstore"
)

// model is what the accounts must be: the events of each, and the outcome of each command ID that recorded some.
type model struct {
	events   map[string][]movement
	outcomes map[execution]eventstore.Version
}

type execution struct {
	id  uuid.UUID
	key string
}

// at folds the events up to a version, from nothing.
func (m *model) at(key string, version eventstore.Version) account {
	var a account
	for _, event := range m.events[key][:version] {
		a = a.Evolve(event)
	}
	return a
}

func (m *model) version(key string) eventstore.Version { return eventstore.Version(len(m.events[key])) }

// execute decides commands the plain way: each on a fold of all events before it.
func (m *model) execute(key string, commands []aggregate.Command[account, movement]) error {
	before := len(m.events[key])
	for _, command := range commands {
		events, err := command.Decide(m.at(key, m.version(key)))
		if err != nil {
			m.events[key] = m.events[key][:before:before]
			return err
		}
		m.events[key] = append(m.events[key], events...)
	}
	return nil
}

// Whatever is executed, the repository does what a plain fold of all events does.
func TestRandomCommandsAgainstAPlainFold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ctx := context.Background()
		accounts := accountsIn(memstore.New(nil))
		m := &model{events: make(map[string][]movement), outcomes: make(map[execution]eventstore.Version)}
		keys := rapid.SampledFrom([]string{"1", "2", "a-b"})
		ids := rapid.SampledFrom([]uuid.UUID{commandA, commandB, uuid.Max})
		t.Repeat(map[string]func(*rapid.T){
			"execute": func(t *rapid.T) {
				key, commands := keys.Draw(t, "key"), drawCommands(t)
				before := m.version(key)
				result, err := accounts.Execute(ctx, key, commands...)
				m.compare(t, key, result, err, m.execute(key, commands))
				if err == nil {
					assert.EqualValues(t, m.version(key)-before, result.Recorded)
				}
			},
			"execute once": func(t *rapid.T) {
				key, commands := keys.Draw(t, "key"), drawCommands(t)
				id := execution{ids.Draw(t, "id"), key}
				result, err := accounts.ExecuteOnce(ctx, id.id, key, commands...)
				m.compareOnce(t, id, commands, result, err)
			},
			"load at a version": func(t *rapid.T) {
				key := keys.Draw(t, "key")
				version := eventstore.Version(rapid.Int64Range(0, int64(m.version(key))+2).Draw(t, "version"))
				result, err := accounts.LoadAt(ctx, key, aggregate.AtVersion(version))
				if version > m.version(key) {
					assert.ErrorIs(t, err, aggregate.ErrBeyondStream)
					return
				}
				assert.NoError(t, err)
				assert.Equal(t, m.at(key, version), result.State)
			},
			"": func(t *rapid.T) {
				for key := range m.events {
					result, err := accounts.Load(ctx, key)
					m.compare(t, key, result, err, nil)
				}
			},
		})
	})
}

func (m *model) compare(t *rapid.T, key string, result aggregate.Result[account], err, want error) {
	if want != nil {
		if !errors.Is(err, want) {
			t.Fatalf("want error %v, got %v", want, err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	assert.Equal(t, m.version(key), result.Version)
	assert.Equal(t, m.at(key, m.version(key)), result.State)
}

func drawCommands(t *rapid.T) []aggregate.Command[account, movement] {
	commands := rapid.OneOf(
		rapid.Custom(func(t *rapid.T) aggregate.Command[account, movement] {
			return deposit{
				Amount:  rapid.IntRange(0, 9).Draw(t, "amount"),
				Purpose: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "purpose"),
			}
		}),
		rapid.Custom(func(t *rapid.T) aggregate.Command[account, movement] {
			return withdraw{rapid.IntRange(1, 9).Draw(t, "amount")}
		}),
		rapid.Just[aggregate.Command[account, movement]](withdrawAll{}),
		rapid.Just[aggregate.Command[account, movement]](decideFunc(audit)),
	)
	return rapid.SliceOfN(commands, 0, 4).Draw(t, "commands")
}

// audit decides an event that shares memory with the state and makes Evolve overwrite it.
func audit(a account) ([]movement, error) { return []movement{audited{History: a.History}}, nil }
