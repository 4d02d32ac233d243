/** The common emoji by their short names. */

const TABLE = `+1 👍|thumbsup 👍|-1 👎|thumbsdown 👎|eyes 👀|tada 🎉|rocket 🚀|heart ❤️|fire 🔥|clap 👏|pray 🙏|wave 👋
ok_hand 👌|raised_hands 🙌|muscle 💪|point_right 👉|point_down 👇|100 💯|sparkles ✨|star ⭐|bulb 💡|thinking_face 🤔
smile 😄|grinning 😀|joy 😂|slightly_smiling_face 🙂|wink 😉|sob 😭|scream 😱|sweat_smile 😅|sunglasses 😎|shrug 🤷
robot_face 🤖|ghost 👻|bug 🐛|beetle 🪲|gear ⚙️|wrench 🔧|hammer 🔨|hammer_and_wrench 🛠️|package 📦|memo 📝|pencil2 ✏️
page_facing_up 📄|clipboard 📋|books 📚|book 📖|mag 🔍|link 🔗|paperclip 📎|lock 🔒|unlock 🔓|key 🔑|bell 🔔|no_bell 🔕
speech_balloon 💬|question ❓|exclamation ❗|warning ⚠️|no_entry ⛔|no_entry_sign 🚫|x ❌|white_check_mark ✅
heavy_check_mark ✔️|ballot_box_with_check ☑️|red_circle 🔴|large_green_circle 🟢|large_yellow_circle 🟡|large_blue_circle 🔵
white_circle ⚪|black_circle ⚫|hourglass ⌛|hourglass_flowing_sand ⏳|stopwatch ⏱️|alarm_clock ⏰|clock1 🕐|calendar 📅
arrow_right ➡️|arrow_left ⬅️|arrow_up ⬆️|arrow_down ⬇️|arrows_counterclockwise 🔄|repeat 🔁|heavy_plus_sign ➕
heavy_minus_sign ➖|stop_sign 🛑|octagonal_sign 🛑|construction 🚧|boom 💥|zap ⚡|moneybag 💰|dollar 💵|chart_with_upwards_trend 📈
bar_chart 📊|computer 💻|desktop_computer 🖥️|floppy_disk 💾|file_folder 📁|open_file_folder 📂|card_index_dividers 🗂️
wastebasket 🗑️|recycle ♻️|herb 🌿|seedling 🌱|evergreen_tree 🌲|twisted_rightwards_arrows 🔀|double_vertical_bar ⏸️
black_square_for_stop ⏹️|arrow_forward ▶️|coffee ☕|pizza 🍕|cake 🍰|trophy 🏆|medal 🏅|checkered_flag 🏁|pushpin 📌
round_pushpin 📍|shield 🛡️|globe_with_meridians 🌐|sunny ☀️|cloud ☁️|snowflake ❄️|broom 🧹|test_tube 🧪|nerd_face 🤓|face_palm 🤦`;

/** Short name → character. */
export const EMOJI = new Map(
  TABLE.split(/[|\n]/).map((entry) => {
    const gap = entry.lastIndexOf(" ");
    return [entry.slice(0, gap), entry.slice(gap + 1)];
  }),
);

/** What the reaction button offers first. */
export const QUICK = ["+1", "eyes", "tada", "white_check_mark", "heart"];

/** The character of `:name:`, or the name itself when it is not among the common ones. */
export function emoji(name) {
  return EMOJI.get(name.replace(/::skin-tone-\d$/, "")) ?? `:${name}:`;
}
