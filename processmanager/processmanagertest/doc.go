// Package processmanagertest tests processes: what they decide, in their own words, and that they survive whatever
// happens to them. What is tested is what runs: the manager of the program works here on a store and an agenda in memory,
// by a clock that moves when it is told to.
//
// # What a process decides
//
// Given these events, when that event comes, then the process sends those commands:
//
//	func TestPayment(t *testing.T) {
//		order42 := processmanagertest.Stream(order.Events, "42")
//		placed := order42.Event(order.Placed{Amount: 10}).At(noon)
//		charge := shipping.Charge{Amount: 10}
//
//		processmanagertest.Given(t, manager).
//			When(placed).
//			Then(processmanager.Effects[shipping.Command]{
//				Send:     []shipping.Command{charge},
//				Schedule: []processmanager.Timer{{Name: "deadline", DueAt: noon.Add(24 * time.Hour)}},
//			})
//
//		processmanagertest.Given(t, manager, placed).
//			When(processmanagertest.Refused(charge, payment.ErrDeclined)).
//			Then(processmanager.Effects[shipping.Command]{Fail: "card was declined"}).
//			ThenUndone(shipping.Release{})
//
//		processmanagertest.Given(t, manager, placed, processmanagertest.Dispatched(charge)).
//			When(processmanagertest.Elapsed(24 * time.Hour)).
//			Then(processmanager.Effects[shipping.Command]{Fail: "nobody has paid"}).
//			ThenUndone(shipping.Refund{Amount: 10}, shipping.Release{})
//	}
//
// The manager is made by [processmanager.New] as in production, but its own store, agenda and dispatch are not used: store
// and agenda may be nil, and dispatch may do nothing. No command is carried out. It is to be dispatched until [Refused] or
// [Dispatched] say what has become of it. Time stands still, but for [Elapsed], [TimerFired] and [Input.At].
//
// Events, states and commands go through their codecs as they do on their way to the store and back: a field that is
// lost there is missing in the test too. Each reaction is called twice, and the test ends when the two results differ,
// since a reaction must be pure. So it does when a reaction panics, when an event cannot be decoded, and wherever else
// something would be parked.
//
// # That it survives
//
// A reaction decides once, whatever happens. A dispatch may be called again, and its receiver must know a command that it
// has seen. [Survives] shows that it does: it lets a process crash at every single step, takes its agenda away, repeats
// its events, leaves its appends in doubt, and compares what has become of it all with a run in which nothing happens.
//
//	func TestShippingSurvives(t *testing.T) {
//		begin := func() processmanagertest.Setup[shipping.State, shipping.Command] {
//			mail := &fakeMail{} // outlives each process, and is new for each run
//			return processmanagertest.Setup[shipping.State, shipping.Command]{
//				Manager: func(store eventstore.Store, agenda eventstore.Agenda) *shipping.Manager {
//					return shipping.New(store, agenda, mail) // as the program does when it starts
//				},
//				Received: func() any { return mail.sent },
//			}
//		}
//		processmanagertest.Survives(t, begin,
//			processmanagertest.Stream(order.Events, "42").Event(order.Placed{Amount: 10}),
//			processmanagertest.Elapsed(24*time.Hour),
//		)
//	}
//
// A failure says at which step it is wrong:
//
//	the process crashes right after dispatch of shipping.SendEmail, instance "42"; then the outcome is another …
//	    + received: {To:customer}
package processmanagertest
