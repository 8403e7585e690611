// What test_jet_client.c lets jimm-jet look at: functions with something to be found, and without.
#ifndef JT_TESTS_SAMPLES_H
#define JT_TESTS_SAMPLES_H

int apply(int (*f)(int), int x);  // deep/helper.c
int unknown_to_all(int x);        // in no file

#endif  // JT_TESTS_SAMPLES_H
