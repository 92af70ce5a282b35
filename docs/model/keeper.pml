/* keeper.pml - how the keeper takes records out of IMA's list without losing one. tools/check_model.sh checks it.
 *
 * Actors: the kernel's list and PCR (a record is appended, then extended, under one lock); the keeper; another actor that
 * stages, deletes and counts as it likes; the machine, which ends the keeper at any step, reboots and executes kexec.
 * README.md says what is abstracted, and why the properties carry over.
 *
 * Records are bits: bit i of a mask is record i of the chain. No list ever changes the order of its records, so a mask is
 * a list. A PCR value is a number of records: a hash chain never takes the same value twice, so a value names one prefix
 * of one log, and what replaying a list would find out is computed from the masks.
 *
 * -DMETHOD=STAGE or COUNT; the bounds below; -DLIVE adds the property about the end of every run. -DBROKEN_... leaves one
 * rule of the protocol out, and is refused. */

#define STAGE 1
#define COUNT 2
#ifndef METHOD
#define METHOD STAGE
#endif

/* Bounds. A mask has 8 bits; ONES() and LAST() look at 6. */
#ifndef RECORDS
#define RECORDS 4
#endif
#ifndef OTHER_ACTS
#define OTHER_ACTS 2
#endif
#ifndef CRASHES
#define CRASHES 1
#endif
#ifndef REBOOTS
#define REBOOTS 0
#endif
#ifndef KEXECS
#define KEXECS 0
#endif

#define BELOW(n) ((1 << (n)) - 1)
#define FROM_TO(a, b) (BELOW(b) & ~BELOW(a))
#define ONES(m) \
  (((m) & 1) + (((m) >> 1) & 1) + (((m) >> 2) & 1) + (((m) >> 3) & 1) + (((m) >> 4) & 1) + (((m) >> 5) & 1))
#define LAST(m) (((m) >= 2) + ((m) >= 4) + ((m) >= 8) + ((m) >= 16) + ((m) >= 32))
#define AT_LEAST_0(a, b) ((a) > (b) -> (a) - (b) : 0)

/* The search itself prints which claim failed, and which of the states that must be reachable it has reached. With
 * -DONLY=CLAIM the other claims are not looked at. */
#define TEXT_OF(name) #name
#define TEXT(name) TEXT_OF(name)
c_decl {
  static void say_once(const char* what, const char* name) {
    static const char* said[64];
    for (int i = 0; i < 64; ++i) {
      if (said[i] == name) return;
      if (said[i]) continue;
      said[i] = name;
      printf("%s %s\n", what, name);
      return;
    }
  }
  static int violated(const char* name) {
#ifdef ONLY
    if (strcmp(name, TEXT(ONLY)) != 0) return 0;
#endif
    say_once("violated:", name);
    return 1;
  }
}
bool refuted;
#define CLAIM(name, holds) \
  if \
  :: (holds) \
  :: else -> c_code { now.refuted = violated(#name); }; assert(!refuted) \
  fi
#define REACHED(name) c_code { say_once("reached:", #name); }
#define REACHED_IF(name, holds) \
  if \
  :: (holds) -> REACHED(name) \
  :: else \
  fi

/* The kernel. */
byte staged, current;
byte appended; /* records of this chain, ever */
byte pcr;      /* records extended: one less than appended while a record is in flight */
byte chain;    /* one more with every TPM reset */
byte boot;     /* the boot id: one more with every kernel */
bool suspended;
bool keeper_reads, keeper_writes, other_reads, other_writes; /* who has the files open, and how */
#define LIST (staged | current)

/* The archive. Durable, and changed by one step for each transaction. */
bool has_chain;
byte a_chain;  /* the chain it is following */
byte end_pcr;  /* the PCR value behind its last record */
byte in_list;  /* so many of its last records are in the kernel's list as far as is known: end - head */
byte mark;     /* so many records from the head on are about to be deleted by us; 0 is no mark */
bool anchored; /* the end is an anchor: proven only when the PCR goes on from it as the list does */
byte a_boot;   /* the kernel that the list was last seen with */
#define NO_BOOT 255 /* a chain that was just begun */

/* The truth about the current chain. Nobody but the claims reads it, nor `archived` where content tells nothing. */
byte archived;      /* records whose content is durable in the archive */
byte lost_to_other; /* deleted by the other actor before they were archived */
byte lost_to_kexec; /* dropped by kexec before they were archived */
byte other_deleted; /* how many records the other actor deleted */
byte accused;       /* how many the keeper says it did */

byte records_left = RECORDS;
byte acts_left = OTHER_ACTS;
byte crashes_left = CRASHES;
byte reboots_left = REBOOTS;
byte kexecs_left = KEXECS;

/* The keeper's memory. A crash clears it. */
bool killed;
byte verdict; /* of the last look */
#define NOTHING 0
#define FITS 1
#define MISFIT 2
bool alike; /* content does not tell records apart */
byte lower; /* then: by how many records the place that is found lies before the last possible one */
bool was_staged;
byte count_before, seen_pcr, settle_end;
byte deleting; /* records that the request deletes */

byte list, records, new, index, gone, ours; /* used within one step */

inline forget_step() { list = 0; records = 0; new = 0; index = 0; gone = 0; ours = 0 }
inline forget_reading() { count_before = 0; seen_pcr = 0; settle_end = 0; alike = 0; lower = 0 }
inline forget() { forget_reading(); verdict = NOTHING; was_staged = 0; deleting = 0 }

inline drop_first(mask, n) {
  records = n;
  do
  :: records > 0 && mask != 0 -> mask = mask & (mask - 1); records--
  :: else -> break
  od
}

#define CLAIM_DELETION(deleted) CLAIM(only_what_is_archived_is_deleted, ((deleted) & ~archived) == 0)

/* Of the records before its end the archive lacks only those that somebody else destroyed. So whatever the list holds of
 * them is archived, holes or not. */
inline claim_accounts() {
  CLAIM(nothing_is_stepped_over,
        !has_chain || a_chain != chain || (BELOW(end_pcr) & ~(archived | lost_to_other | lost_to_kexec)) == 0);
  CLAIM(every_record_is_accounted_for, (archived | LIST | lost_to_other | lost_to_kexec) == BELOW(appended))
}

inline put(records_put) {
  archived = archived | records_put;
  lost_to_other = lost_to_other & ~archived;
  lost_to_kexec = lost_to_kexec & ~archived
}

inline accuse(n) {
  REACHED_IF(other_accused, n > 0);
  accused = accused + n;
  CLAIM(others_are_accused_only_of_what_they_deleted, accused <= other_deleted)
}

/* The list holds the archive's last `found` records. What it held before and does not any more was deleted by us as far as
 * there is a mark, else by somebody else; but if another kernel runs, a kexec may have dropped it. */
inline decide(found) {
  CLAIM(no_record_comes_back, in_list >= found);
  gone = in_list - found;
  ours = (gone < mark -> gone : mark);
  REACHED_IF(mark_without_deletion, mark > 0 && gone == 0);
  REACHED_IF(mark_with_deletion, mark > 0 && gone == mark);
  if
#ifndef BROKEN_KEXEC
  :: a_boot != boot -> REACHED_IF(list_shorter_over_kexec, a_boot != NO_BOOT && gone > 0)
#endif
  :: else -> accuse(gone - ours)
  fi;
  in_list = found;
  mark = 0;
  a_boot = boot
}
/* With a mark, or under another kernel, only a list that stands still is decided on. A record in flight that is like a
 * deleted one hides the deletion until it is extended; by then the mark would be gone, and others accused. */
#define OPEN_QUESTION (mark != 0 || a_boot != boot)

/* One transaction. The list's (seen_pcr - end_pcr) records before `index` lead from the archive's end to the PCR. */
inline take_in() {
  new = FROM_TO(end_pcr, seen_pcr);
  CLAIM(records_are_archived_once_and_in_order, new == 0 || (archived & ~BELOW(end_pcr)) == 0);
  put(new);
  in_list = in_list + (seen_pcr - end_pcr);
  end_pcr = seen_pcr;
  anchored = anchored && new == 0;
  REACHED_IF(record_behind_the_pcr, records > index);
  claim_accounts();
  if
#ifdef BROKEN_RECOVERY
  :: false
#else
  :: OPEN_QUESTION
#endif
  :: else -> decide(index)
  fi
}

#ifdef BROKEN_HOLE /* what is archived has to stand in the list without a hole */
#define HOLE ((archived & ~list & BELOW(LAST(list & archived)) & ~((list & archived & -(list & archived)) - 1)) != 0)
#else
#define HOLE false
#endif

/* Finds the list's place. `index` is where in it the PCR stands. As the PCR was read between two counts of the current
 * list, that is at most one record before the first count, and not behind the second; what is staged is extended.
 * If content tells records apart, those that are archived are known, wherever they stand, and the others have to lead to
 * the PCR. If not, several places may fit. The last one is taken, by which the fewest records were deleted; records that
 * are alike in part rule out some, but never the true one. */
#define FIRST_PLACE (ONES(staged) + AT_LEAST_0(count_before, 1))
#define TRUE_PLACE (ONES(list & archived) + (seen_pcr - end_pcr))
#define TRUE_PLACE_FITS ((FROM_TO(end_pcr, seen_pcr) & ~(list & ~archived)) == 0)
inline look() {
  list = LIST;
  records = ONES(list);
  was_staged = (staged != 0);
  verdict = MISFIT;
  if
  :: has_chain && a_chain == chain && alike ->
     index = in_list + (seen_pcr - end_pcr);
     index = (index > records -> records : index);
     do
     :: lower > 0 && TRUE_PLACE_FITS && index > TRUE_PLACE -> index--; lower--
     :: else -> break
     od;
     if
     :: index >= seen_pcr - end_pcr && index >= FIRST_PLACE -> verdict = FITS
     :: else
     fi
  :: has_chain && a_chain == chain && !alike ->
     index = TRUE_PLACE;
     if
     :: TRUE_PLACE_FITS && !HOLE -> verdict = FITS
     :: else
     fi
  :: else
  fi;
  if
  :: verdict == MISFIT && seen_pcr <= records &&
     (alike -> seen_pcr >= FIRST_PLACE : (BELOW(seen_pcr) & ~list) == 0) ->
     if
     :: seen_pcr == 0 -> verdict = NOTHING
     :: else ->
        /* It leads from a TPM reset to the PCR: a new boot. The last chain is closed, its mark cleared. */
        REACHED_IF(new_boot, has_chain);
        verdict = FITS;
        index = seen_pcr;
        has_chain = 1; a_chain = chain; end_pcr = 0; in_list = 0; mark = 0; anchored = 0; a_boot = NO_BOOT
     fi
  :: else
  fi;
  if
  :: verdict == FITS -> take_in()
  :: else
  fi;
  forget_step()
}

/* An extend that is under way is over after the settle time. This is all that is assumed about time. */
inline settle() {
  settle_end = appended;
  (pcr >= settle_end)
}
#define STANDS_STILL (pcr == seen_pcr && ONES(current) == count_before)

/* The list does not fit, and stands still. All of it is kept, and the PCR taken for its end. Where content cannot tell
 * whether a record is archived already, it is archived again rather than lost. */
inline anchor() {
  list = LIST;
  new = (alike -> list : list & ~archived);
#ifdef BROKEN_TRUST
  if
  :: alike -> drop_first(new, in_list)
  :: else
  fi;
#endif
  if
  :: has_chain && a_chain == chain ->
     REACHED_IF(gap_made_by_other, a_boot == boot);
     REACHED_IF(gap_over_kexec, a_boot != boot && a_boot != NO_BOOT);
     CLAIM(a_gap_is_reported_only_if_records_were_lost,
           ((lost_to_other | (a_boot == boot -> 0 : lost_to_kexec)) & FROM_TO(end_pcr, seen_pcr)) != 0);
     CLAIM(records_are_archived_once_and_in_order,
           alike || ((new & BELOW(end_pcr)) == 0 && (archived & ~BELOW(end_pcr)) == 0))
  :: else ->
     REACHED(headless_chain);
     CLAIM(a_gap_is_reported_only_if_records_were_lost, ((lost_to_other | lost_to_kexec) & BELOW(seen_pcr)) != 0)
  fi;
#ifndef BROKEN_ANCHOR_LIST
  put(new);
#endif
  has_chain = 1; a_chain = chain; end_pcr = seen_pcr; in_list = ONES(list); mark = 0; anchored = 1; a_boot = boot;
  claim_accounts();
  forget_step()
}

#ifdef BROKEN_CLOSE
#define CLOSE_READING skip
#else
#define CLOSE_READING keeper_reads = 0
#endif

inline follow() {
  atomic { !other_writes -> keeper_reads = 1 };
  count_before = ONES(current);
  seen_pcr = pcr;
  atomic {
    if
    :: alike = 0
    :: alike = 1
    :: alike = 1; lower = 1
    :: alike = 1; lower = 2
    fi;
    d_step { look(); lower = 0 }
  };
  if
  :: verdict == MISFIT ->
#ifndef BROKEN_ANCHOR
     settle();
#endif
     d_step {
       if
       :: STANDS_STILL -> anchor()
       :: else -> REACHED(unsettled)
       fi;
       CLOSE_READING
     }
  :: verdict == FITS && OPEN_QUESTION ->
     settle();
     d_step {
       if
       :: STANDS_STILL -> decide(ONES(LIST)); forget_step()
       :: else
       fi;
       CLOSE_READING
     }
  :: else -> CLOSE_READING
  fi;
  d_step { forget_reading() }
}

#ifdef BROKEN_HOLD
#define OPEN_TO_WRITE CAN_WRITE -> skip
#else
#define OPEN_TO_WRITE CAN_WRITE -> keeper_writes = 1
#endif
#define CAN_WRITE (!keeper_reads && !other_reads && !other_writes)

/* The request was carried out or refused, and the list is closed: the mark goes if it was carried out. */
inline end_trim() {
  d_step { keeper_writes = 0; forget_reading() };
  if
  :: deleting > 0 ->
#ifdef BROKEN_HEAD
     mark = 0;
#endif
     d_step { in_list = in_list - deleting; mark = 0 }
  :: else
  fi
}

inline trim_by_stage() {
  atomic { OPEN_TO_WRITE };
  if
#ifndef BROKEN_EEXIST
  :: was_staged
#endif
#if METHOD == STAGE
  :: else ->
     /* A waits for the appenders' lock, so what it stages is extended. */
     atomic {
       pcr == appended ->
       if
       :: staged == 0 && current != 0 && !suspended -> staged = current; current = 0
       :: else -> REACHED(a_refused); goto give_up
       fi
     }
#endif
  fi;
  count_before = ONES(current);
  seen_pcr = pcr;
#ifdef BROKEN_ORDER
  d_step { CLAIM_DELETION(staged); staged = 0 };
#endif
  /* What is staged is proven if the PCR stands behind it and behind what the current list then holds of the archive. One
   * transaction: the new records, and the mark. */
  d_step {
    records = ONES(staged);
    if
#ifdef BROKEN_CHECK
    :: records > 0 ->
#else
    :: records > 0 && ONES(current) == count_before && count_before == AT_LEAST_0(in_list, records) &&
       seen_pcr == end_pcr + AT_LEAST_0(records, in_list) ->
#endif
       deleting = records;
       new = staged;
       drop_first(new, in_list);
       CLAIM(records_are_archived_once_and_in_order,
             new == FROM_TO(end_pcr, seen_pcr) && (new == 0 || (archived & ~BELOW(end_pcr)) == 0));
       REACHED_IF(new_records_archived_with_the_mark, new != 0);
       REACHED_IF(staged_and_current_both_hold_records, current != 0);
       put(new);
#ifndef BROKEN_COMMIT
       end_pcr = end_pcr + ONES(new);
       in_list = in_list + ONES(new);
       mark = deleting;
       claim_accounts()
#endif
    :: else -> REACHED(hold_given_up)
    fi;
    forget_step()
  };
  if
  :: deleting > 0 ->
#ifdef BROKEN_COMMIT
     d_step {
       in_list = in_list + (seen_pcr - end_pcr);
       end_pcr = seen_pcr;
       mark = deleting
     };
#endif
#ifdef BROKEN_MARK
     mark = 0;
#endif
     d_step {
       if
       :: suspended ->
          /* ESTALE: nothing is deleted, and the mark stays. */
          REACHED(d_refused);
#ifndef BROKEN_ESTALE
          deleting = 0
#endif
       :: else -> CLAIM_DELETION(staged); REACHED(trimmed_by_stage); staged = 0
       fi
     }
  :: else
  fi;
give_up:
  end_trim()
}

#if METHOD == COUNT
/* The count is read before the PCR. So the PCR stands at its last record but one, or further on; of what stands before
 * the PCR all but the (seen_pcr - end_pcr) last are archived. */
inline trim_by_count() {
  atomic { OPEN_TO_WRITE };
#ifdef BROKEN_COUNT
  seen_pcr = pcr;
  count_before = ONES(current);
#else
  count_before = ONES(current);
  seen_pcr = pcr;
#endif
  d_step {
    if
#ifdef BROKEN_CHECK
    :: true -> deleting = in_list - 1
#endif
#ifdef BROKEN_LAST
    :: seen_pcr == end_pcr && count_before > 0 -> deleting = count_before
#endif
#ifdef BROKEN_WINDOW
    :: in_list + (seen_pcr - end_pcr) + 1 >= count_before && in_list + (seen_pcr - end_pcr) <= ONES(current) ->
       deleting = in_list - 1
#endif
    :: count_before > 1 + (seen_pcr - end_pcr) -> deleting = count_before - 1 - (seen_pcr - end_pcr)
    :: else -> REACHED(hold_given_up)
    fi;
    mark = deleting
  };
  if
  :: deleting > 0 ->
#ifdef BROKEN_MARK
     mark = 0;
#endif
     d_step {
       if
       :: deleting > ONES(current) -> deleting = 0
       :: deleting <= ONES(current) && suspended -> REACHED(n_refused); deleting = 0
       :: else ->
          new = current;
          drop_first(new, deleting);
          CLAIM_DELETION(current & ~new);
          REACHED(trimmed_by_count);
          REACHED_IF(counted_while_records_came_in, seen_pcr != end_pcr);
          current = new;
          forget_step()
       fi
     }
  :: else
  fi;
  end_trim()
}

#endif

#if METHOD == STAGE
#define LEFT 0
#else
#define LEFT 1
#endif
#define MAY_TRIM (verdict == FITS && !anchored && !OPEN_QUESTION)
/* Whether a poll would find anything to do. */
#define WORK \
  (pcr != end_pcr || chain != a_chain || in_list != ONES(LIST) || \
   has_chain && (OPEN_QUESTION || !anchored && (staged != 0 || in_list > LEFT)))

active proctype keeper() {
end_start:
  {
end_idle:
    do
    :: WORK ->
       follow();
       if
       /* What is staged goes first, whoever staged it. */
#if METHOD == STAGE
       :: MAY_TRIM && in_list > 0 -> trim_by_stage()
#else
       :: MAY_TRIM && was_staged -> trim_by_stage()
       :: MAY_TRIM && !was_staged && in_list > 1 -> trim_by_count()
#endif
       :: else
       fi;
       d_step { forget() }
    od
  } unless {
    atomic { killed -> killed = 0; forget(); goto end_start }
  }
}

/* Opens for writing, does what it likes, and closes; or opens for reading, which only keeps others from writing. */
active proctype other() {
  byte n;
end_other:
  do
  :: atomic { acts_left > 0 && !keeper_reads && !keeper_writes -> other_writes = 1 };
     do
     :: d_step {
          acts_left > 0 && staged == 0 && current != 0 && pcr == appended && !suspended ->
          acts_left--; staged = current; current = 0
        }
     :: d_step {
          acts_left > 0 && staged != 0 && !suspended ->
          acts_left--;
          other_deleted = other_deleted + ONES(staged);
          lost_to_other = lost_to_other | (staged & ~archived);
          staged = 0
        }
     :: atomic {
          acts_left > 0 && current != 0 && !suspended ->
          acts_left--;
          n = 1;
          do
          :: n < ONES(current) -> n++
          :: break
          od;
          d_step {
            new = current;
            drop_first(new, n);
            REACHED_IF(hole_behind_staged, staged != 0 && new != 0);
            other_deleted = other_deleted + n;
            lost_to_other = lost_to_other | (current & ~new & ~archived);
            current = new;
            n = 0;
            forget_step()
          }
        }
     :: atomic { other_writes = 0; break }
     od
  :: atomic { acts_left > 0 && !keeper_writes -> acts_left--; other_reads = 1 };
     other_reads = 0
  od
}

inline crash() { killed = 1; keeper_reads = 0; keeper_writes = 0 }

/* Appends and extends, and does to the keeper what a machine may do. */
active proctype machine() {
  byte dropped;
end_machine:
  do
  :: d_step {
       records_left > 0 && pcr == appended && !suspended ->
       records_left--; current = current | (1 << appended); appended++
     }
  :: d_step { pcr < appended -> pcr = appended }
  :: d_step { crashes_left > 0 && !killed -> crashes_left--; crash() }
#if REBOOTS > 0
  :: d_step {
       reboots_left > 0 && !other_reads && !other_writes ->
       reboots_left--; crash(); suspended = 0; boot++;
       chain++; staged = 0; current = 0; appended = 0; pcr = 0;
       archived = 0; lost_to_other = 0; lost_to_kexec = 0; other_deleted = 0; accused = 0
     }
#endif
#if KEXECS > 0
  :: d_step { kexecs_left > 0 && !suspended && pcr == appended -> suspended = 1 }
  :: atomic {
       suspended && kexecs_left > 0 && !other_reads && !other_writes ->
       kexecs_left--; crash(); suspended = 0; boot++;
       current = LIST; staged = 0;
       do
       :: dropped < 2 && current != 0 ->
          d_step {
            new = 1 << LAST(current);
            lost_to_kexec = lost_to_kexec | (new & ~archived);
            current = current & ~new;
            dropped++;
            forget_step()
          }
       :: break
       od;
       dropped = 0
     }
#endif
#ifdef LIVE
  /* What the bounds allow need not be used; but a kexec that has begun is carried out. */
  :: d_step {
       records_left + acts_left + crashes_left + reboots_left + (suspended -> 0 : kexecs_left) > 0 ->
       records_left = 0; acts_left = 0; crashes_left = 0; reboots_left = 0;
       kexecs_left = (suspended -> kexecs_left : 0)
     }
#endif
  od
}

#ifdef LIVE
/* Everything is archived, and everything that may be is deleted. */
#define SETTLED \
  (pcr == appended && (LIST & ~archived) == 0 && (mark == 0 || appended == 0) && \
   (anchored || (staged == 0 && ONES(current) <= LEFT)))
ltl settles { <>[] SETTLED }
#endif
