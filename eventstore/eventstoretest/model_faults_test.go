package eventstoretest

import "testing"

// TestModelFaultsAreNoticed breaks a store whose appends are in flight, in the ways that real ones are broken.
func TestModelFaultsAreNoticed(t *testing.T) {
	t.Parallel()
	with := func(f faults) func() Harness { return func() Harness { return newModel(f).harness() } }
	areNoticed(t, []flawed{
		{"readers pass what is in flight", with(faults{showsInFlight: true}), []string{
			"S4 stable prefix/a held append hides later ones",
			"S4 stable prefix/a rolled back append hides nothing",
			"S4 stable prefix/held appends end in any order",
			"S4 stable prefix/a follower restarts while an append is held",
			"S4 stable prefix/head and stream show what a held append hides",
			"S4 stable prefix/a filter does not let a held append be passed",
			"S4 stable prefix/held appends race",
			"storms/killed connections",
			"S8 live/not caught up while something is hidden",
			"counting/what a held append hides is not counted",
		}},
		{"through is a position that was only drawn", with(faults{throughIsDrawn: true}), []string{
			"S4 stable prefix/a rolled back append moves nothing",
			"S4 stable prefix/a crash loses positions of a held append",
		}},
		{"nobody is woken by a rollback", with(faults{rollbackIsQuiet: true}), []string{
			"S8 live/a held append that rolls back lets others come promptly",
			"S8 live/a held append that is killed lets others come promptly",
		}},
		{"nobody is woken by the commit of a held append", with(faults{commitIsQuiet: true}), []string{
			"S8 live/a held append is shown promptly when it commits",
		}},
		{"all writers wait for each other", with(faults{allWritersWait: true}), []string{
			"S4 stable prefix/a held append never stops writers",
			"S9 alone in failure/an append that waits delays no neighbor",
		}},
		{"checks do not hold at the commit", with(faults{checksDoNotLock: true}), []string{
			"S2 one winner/no write skew between held appends",
			"S2 one winner/a held check against an append",
			"S2 one winner/a check against a held append",
		}},
		{"what is in flight conflicts", with(faults{conflictsEarly: true}), []string{
			"S2 one winner/a held append that rolls back is no winner",
			"S2 one winner/any version follows a held append",
		}},
		{"the head is held back", with(faults{headIsStable: true}), []string{
			"S4 stable prefix/head and stream show what a held append hides",
		}},
		{"what is in flight is found", with(faults{findsInFlight: true}), []string{"finding/what is held is not found"}},
		{"what is in flight holds back what is found", with(faults{findsStable: true}), []string{
			"finding/what is held is not found",
		}},
		{"an unrelated transaction holds readers back", with(faults{unrelatedHolds: true}), []string{
			"S8 live/an unrelated transaction holds nobody back",
		}},
		{"a crash commits what was in flight", with(faults{crashKeepsFlight: true}), []string{
			"S6 durable/what was held does not outlive a crash",
			"S4 stable prefix/a crash loses positions of a held append",
		}},
		{"a crash loses what was acknowledged", with(faults{crashLosesLast: true}), []string{
			"S6 durable/what was acknowledged outlives a crash",
			"storms/a crash",
		}},
	})
}
