/** Sentences for the codes with which the workspace refuses something. */

const SENTENCES = {
  not_in_channel: "You are not in this channel.",
  is_archived: "This channel is archived.",
  thread_not_found: "This thread is gone.",
  message_not_found: "This message is gone.",
  cant_update_message: "Only its author can edit a message.",
  cant_delete_message: "Only its author can delete a message.",
  name_taken: "A channel with this name exists already.",
  invalid_name: "A channel needs a name.",
  user_not_found: "There is nobody with this name.",
  msg_too_long: "This text is too long for one message.",
  no_text: "There is nothing to send.",
  operation_timeout: "The app did not answer in time.",
  dispatch_failed: "The app is not connected.",
  view_not_found: "This form is closed already.",
  expired_trigger_id: "That took too long. Please try again.",
};

/** What a person reads for a code; other texts stay as they are. */
export function sentence(code) {
  if (SENTENCES[code]) return SENTENCES[code];
  return /^[a-z]+(_[a-z]+)+$/.test(code) ? `That did not work: ${code.replaceAll("_", " ")}.` : code;
}
