// Package processmanager runs workflows: events come in, and commands go out.
//
// An aggregate decides on commands and records events. A process manager is an aggregate turned round: it decides on
// events and records commands. "When an order is checked out, send the confirmation and then confirm the order; when
// nobody has checked it out for a day, remind the customer" is a process. It has an instance for each order, and each
// instance has a state, which says how far that order has come.
//
// # Reactions
//
// What a process does is told by reactions: pure functions of the instance's state and an input to the new state and the
// effects: commands to send, timers to set. Inputs are events, timers that have fired, and commands that were refused,
// each with a reaction of its own.
//
//	checkout := processmanager.New[Checkout]("checkout", store, agenda, Commands, dispatch, nil)
//	processmanager.On(checkout, order.Events, processmanager.ByStream,
//		func(s Checkout, e eventstore.Envelope[order.Event]) (Checkout, processmanager.Effects[Command]) {
//			switch event := e.Event.(type) {
//			case order.ItemAdded:
//				return s, processmanager.Effects[Command]{
//					Schedule: []processmanager.Timer{{Name: "reminder", DueAt: e.RecordedAt.Add(24 * time.Hour)}},
//				}
//			case order.CheckedOut:
//				return s, processmanager.Effects[Command]{
//					Cancel: []string{"reminder"},
//					Send:   []Command{SendEmail{Total: event.Total}, Confirm{}},
//				}
//			case order.Confirmed:
//				return s, processmanager.Effects[Command]{Complete: true}
//			}
//			return s, processmanager.Effects[Command]{}
//		})
//	processmanager.OnTimer(checkout, "reminder",
//		func(s Checkout, fired processmanager.Fired) (Checkout, processmanager.Effects[Command]) {
//			return s, processmanager.Effects[Command]{Send: []Command{Remind{}}}
//		})
//	err := processmanager.Run(ctx, checkout)
//
// The route, here [ByStream], says which instance an event is for, and whether it may start one: see [Start], [Continue]
// and [StartOrContinue]. For events that are not for the process it returns the zero [Route]. Each event that it routes
// is recorded, so routing less saves writes. One process may listen to several families of events.
//
// Commands are plain structs of a sealed family with a codec of their own, just as events are, since they are stored
// before they run.
//
// # Dispatch
//
// Dispatch brings a command to its receiver. It is called at least once for each command: after a crash nobody can know
// whether the receiver has got the command, so it is dispatched again. Each time it has the same ID, and dispatch must
// hand that on, so that the receiver carries out the command once:
//
//	func dispatch(ctx context.Context, c processmanager.Command[Command]) error {
//		switch command := c.Command.(type) {
//		case Confirm: // an aggregate: the ID makes the events' IDs
//			_, err := orders.ExecuteOnce(ctx, c.ID, c.Instance, order.Confirm{})
//			var refused *aggregate.RefusedError
//			if errors.As(err, &refused) {
//				return processmanager.Refuse(refused)
//			}
//			return err
//		case SendEmail: // another system: the ID is its idempotency key
//			return mail.Send(ctx, mail.Message{IdempotencyKey: c.ID.String(), …})
//		default:
//			return fmt.Errorf("unknown command %T", command)
//		}
//	}
//
// What dispatch returns decides how the process goes on:
//
//   - nil: the command was carried out. The next one of the instance follows.
//   - [Refuse](err): the receiver will never carry it out. The refusal comes back to the process as an input, by
//     [OnRefused], and compensation is an ordinary reaction. What is a refusal is for dispatch to say: that an order is
//     closed is one, an [eventstore.ConflictError] is not.
//   - any other error, a panic, the timeout: the command is dispatched again, with exponential backoff, Options.Attempts
//     times. Then the instance is parked, and no other: [Manager.Parked] shows it, and [Manager.Retry], [Manager.Skip] and
//     [Manager.Fail] are the ways out.
//
// # Undoing
//
// A command that is [Undoable] says which command undoes it. When the instance fails, by its own decision or
// [Manager.Fail], what it has done is undone, the last first. What undoes it is in the instance's stream from the
// beginning, so that a program that has changed meanwhile undoes what was done then.
//
// # What is guaranteed
//
// M1, one decision for each input. An instance records its decision, with the input, the state, the commands and the
// timers, in one append to its stream that nobody else can have changed meanwhile. An event that comes again finds
// itself recorded and decides nothing. The same is true of a refusal, and of a timer.
//
// M2, commands are durable before they run. Whenever a process is killed, no command is lost, and none takes effect on
// an aggregate twice. Commands wait in their instance, so a receiver that is down holds up the instances that need it
// and no others.
//
// M3, timers are durable, and fire once, no earlier than they are due and not much later: about Options.PollInterval.
// Those of one instance fire in the order of their times, also after a downtime, and after the instance has decided on
// the events that were recorded before, but for those of the last moment. One that was canceled, moved, or whose
// instance has come to its end does not fire.
//
// M5, order. An instance handles the events in the order of their positions, and dispatches its commands in the order in
// which it has sent them; one that fails holds up those after it. Between instances there is no order. A dispatch that
// does not end when its context does may still be under way when another process dispatches the command again, and the
// next ones.
//
// A manager can run in any number of processes at once. They share out the events by instance, in Options.Partitions
// parts, and take up commands and timers as they are free. When one is killed, the others take over when its leases end;
// after a clean stop they do at once.
//
// # Where it is kept
//
// An instance is a stream, "$pm.checkout-42" for instance 42 of process checkout. It is the whole truth about the
// instance: what came in, what was decided, what became of each command. [Manager.Instance] shows it, and
// [Manager.History] plays it step by step. The [eventstore.Agenda] keeps the checkpoints, and an index of what there is
// to do: [Manager.Entries].
//
// The work for an input does not grow with the age of the instance: every fifty records or so it has a snapshot in its
// stream, and what is older is not read. An instance that goes on for ever should not send commands that are [Undoable],
// as all that it has sent are kept in mind until its end.
//
// # Changing a process
//
// The state is stored as JSON after each decision and read back before the next, so that reactions may change in a new
// version of the program while instances are under way. New fields of the state are zero in old instances. Where that is
// not enough, Options.Version tells the versions of a process apart: instances finish by the version by which they have
// started, [Former], or are brought over to the new one, [Migrate].
//
// Routes are changed with care: an event that a new program routes to another instance is not handled by either where the
// partition of that one has gone past it already. So a program that changes them begins where all partitions stand at one
// position and nothing is parked.
//
// # Testing
//
// Package processmanagertest tests reactions by themselves: given these events, when that one comes, then these commands
// are sent; and it kills a process at every single step, to show that the outcome is the same. [Manager.CatchUp] runs a
// manager until nothing is left to do, in a fixed order.
package processmanager
