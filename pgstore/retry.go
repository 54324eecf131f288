package pgstore

import "errors"

// pauseAfterLoss returns those of the calls that may try again after a lost connection.
func pauseAfterLoss(b *batch, calls []*call, err error) []*call {
	var again []*call
	for _, c := range calls {
		c.lost++
		if errors.Is(err, errNoAnswer) {
			c.late++
		}
		if c.lost > maxLost {
			fail([]*call{c}, err)
			continue
		}
		c.alone = c.alone || c.lost > 1 // it may be what kills them
		again = append(again, c)
	}
	if len(again) > 0 {
		_ = sleep(b.ctx, firstPause<<again[0].lost)
	}
	return again
}

// isolate returns the calls of a batch that the database has refused, for another attempt. When a version was there that
// the batch was to take, the streams are looked for the next time, which tells. After that, and after other errors,
// those that may be to blame go alone, after the others.
func isolate(calls []*call, err error) []*call {
	doubted := true
	for _, c := range calls {
		doubted = doubted && c.doubted
		c.doubted = true
	}
	if !doubted && isVersionTaken(err) {
		return calls
	}
	var blamed, others []*call
	for _, c := range calls {
		if lostTo(err, c.prepared.Writes) {
			blamed = append(blamed, c)
		} else {
			others = append(others, c)
		}
	}
	if len(blamed) == 0 { // it might be any
		blamed, others = others, nil
	}
	for _, c := range blamed {
		c.alone = true
	}
	return append(others, blamed...)
}

func fail(calls []*call, err error) {
	for _, c := range calls {
		c.answers <- answer{err: err}
	}
}
