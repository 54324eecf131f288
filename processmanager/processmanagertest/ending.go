package processmanagertest

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/processmanager"
)

// ending returns how a trial ends, in lines that are compared with those of other trials.
func (t *trial[S, C]) ending(ctx context.Context) ([]string, error) {
	var lines []string
	if t.setup.Received != nil {
		lines = append(lines, linesOf("received", t.setup.Received())...)
	}
	if t.setup.Outcome != nil {
		outcome, err := t.setup.Outcome(ctx, t.store)
		if err != nil {
			return nil, fmt.Errorf("the outcome: %w", err)
		}
		return append(lines, linesOf("outcome", outcome)...), nil
	}
	streams, err := t.streams(ctx, eventstore.Filter{})
	if err != nil {
		return nil, err
	}
	for _, id := range inOrder(streams) {
		for _, event := range streams[id] {
			lines = append(lines, fmt.Sprintf("stream %s: %s %s", id, event.Type, withoutIdentity(event.Data)))
		}
	}
	instances, err := t.streams(ctx, t.records())
	if err != nil {
		return nil, err
	}
	for _, id := range inOrder(instances) {
		of, err := t.instance(ctx, id.Key)
		if err != nil {
			return nil, err
		}
		lines = append(lines, of...)
	}
	return lines, nil
}

// streams returns what a filter selects.
func (p *place) streams(
	ctx context.Context, filter eventstore.Filter,
) (map[eventstore.StreamID][]eventstore.RecordedEvent, error) {
	streams := make(map[eventstore.StreamID][]eventstore.RecordedEvent)
	for event, err := range p.store.ReadAll(ctx, 0, filter) {
		if err != nil {
			return nil, err
		}
		streams[event.Stream] = append(streams[event.Stream], event)
	}
	return streams, nil
}

func inOrder[V any](streams map[eventstore.StreamID]V) []eventstore.StreamID {
	return slices.SortedFunc(maps.Keys(streams), func(a, b eventstore.StreamID) int {
		return strings.Compare(a.String(), b.String())
	})
}

// instance returns how an instance has ended.
func (t *trial[S, C]) instance(ctx context.Context, key string) ([]string, error) {
	viewer := t.manager.In(processmanager.Surroundings[C]{
		Store: t.store, Agenda: t.agenda, Dispatch: t.manager.Surroundings().Dispatch,
	})
	instance, err := viewer.Instance(ctx, key)
	if err != nil {
		return nil, err
	}
	status := string(instance.Status)
	if instance.Status == processmanager.StatusFailed {
		status += ": " + instance.Reason
	}
	lines := []string{
		fmt.Sprintf("instance %s: %s", key, status),
		fmt.Sprintf("instance %s: state %s", key, withoutIdentity(instance.RawState)),
	}
	for _, timer := range instance.Timers {
		lines = append(lines, fmt.Sprintf("instance %s: timer %s is set", key, timer.Name))
	}
	for _, sent := range instance.Commands {
		lines = append(lines, fmt.Sprintf("instance %s: %s: %s", key, commandText(sent.Command), outcomeOf(sent.Outcome)))
	}
	return lines, nil
}

// outcomeOf takes for dispatched what may have been: nobody can know, and it is undone as well.
func outcomeOf(o processmanager.Outcome) processmanager.Outcome {
	if o == processmanager.OutcomeInDoubt {
		return processmanager.OutcomeDispatched
	}
	return o
}

func commandText(command any) string {
	data, err := json.Marshal(command)
	if err != nil {
		return line(command)
	}
	return fmt.Sprintf("%T %s", command, withoutIdentity(data))
}

// linesOf returns a line for each element of a slice, and one for any other value.
func linesOf(what string, value any) []string {
	v := reflect.ValueOf(value)
	if v.Kind() != reflect.Slice {
		return []string{fmt.Sprintf("%s: %+v", what, value)}
	}
	lines := make([]string, v.Len())
	for n := range lines {
		lines[n] = fmt.Sprintf("%s: %+v", what, v.Index(n))
	}
	return lines
}

// withoutIdentity returns JSON without the IDs and times in it, which may be others in each trial, and other data as it is.
func withoutIdentity(data []byte) string {
	var value any
	if json.Unmarshal(data, &value) != nil {
		return string(data)
	}
	plain, err := json.Marshal(anonymous(value))
	if err != nil {
		return string(data)
	}
	return string(plain)
}

func anonymous(value any) any {
	switch value := value.(type) {
	case map[string]any:
		for name, field := range value {
			value[name] = anonymous(field)
		}
	case []any:
		for n, element := range value {
			value[n] = anonymous(element)
		}
	case string:
		if _, err := uuid.Parse(value); err == nil {
			return "(ID)"
		}
		if _, err := time.Parse(time.RFC3339Nano, value); err == nil {
			return "(time)"
		}
	}
	return value
}
